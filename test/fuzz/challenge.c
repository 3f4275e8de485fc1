// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "engine/registry/auth.h"
#include "target.h"

/* A registry's WWW-Authenticate: what is found in it stands in it. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const names[] = {"realm", "service", "scope", "error"};
    autofree char *text = text_copy_n((const char *)data, size);
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        autofree char *value = auth_find_parameter(text, names[i]);
        if (value && !strstr(text, value))
            abort();
    }
    return 0;
}
