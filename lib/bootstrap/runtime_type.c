// SPDX-License-Identifier: Apache-2.0
#include "bootstrap/runtime_type.h"

#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "base/process.h"
#include "base/text.h"

bool runtime_type_is_valid(const char *type) {
    const char *last = strrchr(type, '.');
    const char *before = last ? memrchr(type, '.', (size_t)(last - type)) : NULL;
    return before && before > type && before + 1 < last && last[1] && !strchr(type, '/');
}

int runtime_type_find_shim(const char *type, char **ret, Error *err) {
    if (path_is_absolute(type)) {
        if (access(type, X_OK) < 0)
            return error_set(
                err, ERROR_NOT_FOUND, "runtime \"%.200s\" binary not installed: not found", type);
        *ret = text_copy(type);
        return 0;
    }
    if (!runtime_type_is_valid(type))
        return error_set(err, ERROR_INVALID, "invalid runtime name %.200s: invalid argument", type);
    autotexts char **words = texts_split(type, '.');
    size_t n = texts_count(words);
    autofree char *name = text_format("containerd-shim-%s-%s", words[n - 2], words[n - 1]);
    if (process_find_program(name, ret, err) < 0)
        return error_set(err, ERROR_NOT_FOUND,
            "runtime \"%s\" binary not installed \"%s\": file does not exist: not found", type,
            name);
    return 0;
}
