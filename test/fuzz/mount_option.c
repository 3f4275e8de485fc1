// SPDX-License-Identifier: Apache-2.0
#include "runtime/rootfs/mount_option.h"

#include "base/text.h"
#include "target.h"

/* mounts[].options, one a line. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = text_copy_n((const char *)data, size);
    autotexts char **words = texts_split(text, '\n');
    autodone(JsonTexts) texts = {};
    for (char **word = words; *word; word++) {
        bool recursive;
        json_texts_add(&texts, *word);
        (void)mount_option_propagation(*word, &recursive);
    }
    MountOptions options;
    mount_options_parse(&texts, &options);
    mount_options_done(&options);
    free(text);
    return 0;
}
