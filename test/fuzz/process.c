// SPDX-License-Identifier: Apache-2.0
#include "runtime/init/process.h"

#include <stdlib.h>

#include "base/text.h"
#include "runtime/container/config.h"
#include "target.h"

/* process.json of `exec --process`: decoded, checked, and its environment made. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Error err = {};
    OciProcess process;
    int r = json_decode(&oci_process_type, (const char *)data, size, &process, &err);
    if (r >= 0 && config_check_process(&process, &err) >= 0) {
        Init init = {.process = &process};
        capabilities_parse(process.capabilities, &init.capabilities);
        (void)process_set_environment(&init, &err);
        texts_free(init.environment);
    }
    json_done(&oci_process_type, &process);
    return 0;
}
