// SPDX-License-Identifier: Apache-2.0
#include "engine/image/instruction.h"

#include <stdlib.h>
#include <string.h>

#include "engine/image/word.h"
#include "target.h"

/* Changes to a config, one a line, as `commit --change` and `import --change` take them: what comes
 * of them is a document that is read back as the same. */

static void check_document(const OciImageConfig *config) {
    OciImageConfig again = {};
    Error err;
    autofree char *text = json_encode(&oci_image_config_type, config, 0);
    if (json_decode(&oci_image_config_type, text, strlen(text), &again, &err) < 0)
        abort();
    autofree char *second = json_encode(&oci_image_config_type, &again, 0);
    if (strcmp(text, second) != 0)
        abort();
    json_done(&oci_image_config_type, &again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    OciImageConfig config = {};
    Instructions instructions = {.config = &config};
    autofree char *text = text_copy_n((const char *)data, size);
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n"));) {
        Error ignored;
        instruction_apply(&instructions, line, &ignored);
    }
    check_document(&config);
    json_done(&oci_image_config_type, &config);
    return 0;
}
