// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/volume/private.h"

/* The options of Docker's local driver, and which others each needs. */
static const struct {
    const char *name, *needs[2];
} rows[] = {
    {"device", {"type"}},
    {"o", {"device", "type"}},
    {"size", {}},
    {"type", {"device"}},
};

static int check(const JsonMap *options, Error *err) {
    for (size_t i = 0; i < options->n; i++) {
        bool known = false;
        for (size_t k = 0; k < array_size(rows); k++)
            known |= text_equal(options->key[i], rows[k].name);
        if (!known)
            return error_set(err, ERROR_INVALID, "invalid option: \"%s\"", options->key[i]);
    }
    for (size_t k = 0; k < array_size(rows); k++)
        for (size_t i = 0; i < array_size(rows[k].needs) && rows[k].needs[i]; i++)
            if (json_map_find(options, rows[k].name) && !json_map_find(options, rows[k].needs[i]))
                return error_set(
                    err, ERROR_INVALID, "missing required option: \"%s\"", rows[k].needs[i]);
    return 0;
}

int volume_options_read(const JsonMap *options, VolumeOptions *ret, Error *err) {
    const char *size = json_map_find(options, "size"), *words = json_map_find(options, "o");
    *ret = (VolumeOptions){
        .type = json_map_find(options, "type"),
        .device = json_map_find(options, "device"),
        .words = words ? words : "",
    };
    TRY(check(options, err));
    if (size)
        TRY(text_parse_size(size, "size", &ret->size, err));
    if (ret->size > 0 && ret->device)
        return error_set(err, ERROR_UNSUPPORTED,
            "size limits a directory of the engine's own: it has no meaning with a device");
    return 0;
}
