// SPDX-License-Identifier: Apache-2.0
#include "engine/filter/filter.h"

#include "base/text.h"
#include "target.h"

/* containerd's filters, one a line. */

static const char *field(const void *object, char *const *path, size_t n) {
    return n == 1 ? path[0] : object;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = text_copy_n((const char *)data, size);
    autotexts char **lines = texts_split(text, '\n');
    Filter *filter = NULL;
    Error err = {};
    if (filter_parse(lines, texts_count(lines), &filter, &err) == 0)
        (void)filter_matches(filter, field, "name");
    filter_free(filter);
    free(text);
    return 0;
}
