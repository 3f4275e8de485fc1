// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>

#include "base/json.h"
#include "base/toml.h"
#include "target.h"

/* hosts.toml: what is understood becomes JSON, which our own reader then has to take. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    autodone(Text) json = {};
    autodone(JsonTexts) keys = {};
    Error error;
    if (toml_to_json((const char *)data, size, &json, &error) < 0)
        return 0;
    if (json_keys(json.data, json.length, &keys, &error) < 0)
        abort();
    return 0;
}
