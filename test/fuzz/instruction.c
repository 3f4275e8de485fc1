// SPDX-License-Identifier: Apache-2.0
#include "engine/image/instruction.h"

#include <stdlib.h>
#include <string.h>

#include "engine/image/word.h"
#include "target.h"

/* Changes to a config, one a line, as `commit --change` and `import --change` take them: what comes
 * of them can be read back, and once its bytes that are not UTF-8 are replaced it stays as it is.
 */

static char *read_back(const char *text) {
    OciImageConfig config = {};
    Error err;
    if (json_decode(&oci_image_config_type, text, strlen(text), &config, &err) < 0)
        abort();
    char *again = json_encode(&oci_image_config_type, &config, 0);
    json_done(&oci_image_config_type, &config);
    return again;
}

static void check_document(const OciImageConfig *config) {
    autofree char *first = json_encode(&oci_image_config_type, config, 0);
    autofree char *second = read_back(first), *third = read_back(second);
    if (strcmp(second, third) != 0)
        abort();
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
