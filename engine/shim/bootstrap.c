// SPDX-License-Identifier: Apache-2.0
#include "engine/shim/bootstrap.h"

#include <string.h>
#include <unistd.h>

#include "base/process.h"
#include "base/text.h"

#define T Bootstrap
static const JsonField bootstrap_fields[] = {
    {"version", JSON_INT, JSON_AT(version)},
    {"address", JSON_TEXT, JSON_AT(address)},
    {"protocol", JSON_TEXT, JSON_AT(protocol)},
    {"binary", JSON_TEXT, JSON_AT(binary)},
    {},
};
static const JsonType bootstrap_type = {sizeof(T), bootstrap_fields};
#undef T

int bootstrap_decode(const char *text, size_t n, Bootstrap *ret, Error *err) {
    while (n > 0 && strchr(" \r\n\t", text[n - 1]))
        n--;
    autodone(Bootstrap) bootstrap = {};
    if (n == 0 || *text != '{') {
        bootstrap.address = text_copy_n(text, n);
        bootstrap.version.value = 2;
    } else {
        TRY(json_decode(&bootstrap_type, text, n, &bootstrap, err));
    }
    bootstrap.version.set = true;
    if (text_is_empty(bootstrap.protocol)) {
        free(bootstrap.protocol);
        bootstrap.protocol = text_copy("ttrpc");
    }
    if (bootstrap.version.value < 2 || bootstrap.version.value > 3 ||
        !text_equal(bootstrap.protocol, "ttrpc"))
        return error_set(err, ERROR_UNSUPPORTED,
            "the shim speaks version %lld over %.50s: not implemented",
            (long long)bootstrap.version.value, bootstrap.protocol);
    if (!text_starts(bootstrap.address ? bootstrap.address : "", "unix://"))
        return error_set(err, ERROR_INTERNAL, "the shim's address '%.200s' is no unix socket",
            bootstrap.address ? bootstrap.address : "");
    *ret = bootstrap;
    bootstrap = (Bootstrap){};
    return 0;
}

char *bootstrap_encode(const Bootstrap *bootstrap) {
    return json_encode(&bootstrap_type, bootstrap, 0);
}

void bootstrap_done(Bootstrap *bootstrap) {
    json_done(&bootstrap_type, bootstrap);
}

/* "containerd-shim-runc-v2" */
static char *name_of(const char *runtime) {
    autotexts char **part = texts_split(runtime, '.');
    size_t n = texts_count(part);
    if (n < 2 || strchr(runtime, '/') || !*part[n - 1] || !*part[n - 2])
        return NULL;
    return text_format("containerd-shim-%s-%s", part[n - 2], part[n - 1]);
}

int bootstrap_find_shim(const char *runtime, char **ret, Error *err) {
    if (*runtime == '/') {
        if (access(runtime, X_OK) < 0)
            return error_set(err, ERROR_NOT_FOUND,
                "runtime \"%.200s\" binary not installed: not found", runtime);
        *ret = text_copy(runtime);
        return 0;
    }
    autofree char *name = name_of(runtime);
    if (!name)
        return error_set(
            err, ERROR_INVALID, "invalid runtime name %.200s: invalid argument", runtime);
    if (process_find_program(name, ret, err) < 0)
        return error_set(err, ERROR_NOT_FOUND,
            "runtime \"%s\" binary not installed \"%s\": file does not exist: not found", runtime,
            name);
    return 0;
}
