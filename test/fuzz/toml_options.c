// SPDX-License-Identifier: Apache-2.0
#include "shim/toml_options.h"

#include <stdlib.h>

#include "target.h"

/* The runtime's options in containerd's words. On failure nothing is kept, and no text is empty. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    TomlOptions options = {};
    Error err = {};
    int r = toml_options_decode((const char *)data, size, &options, &err);
    const char *const texts[] = {options.binary_name, options.root, options.shim_cgroup};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i] && (r < 0 || !*texts[i]))
            abort();
    toml_options_done(&options);
    return 0;
}
