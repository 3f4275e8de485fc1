// SPDX-License-Identifier: Apache-2.0
#include "shim/spec.h"

#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/path.h"
#include "base/text.h"

enum {
    SPEC_MAX = 4 << 20
};

/* The little that the shim reads of config.json. */
typedef struct SpecNamespace {
    char *type, *path;
} SpecNamespace;
typedef struct SpecLinux {
    JsonObjects namespaces;
    char *cgroups_path;
} SpecLinux;
typedef struct Spec {
    SpecLinux *linux;
} Spec;
#define T SpecNamespace
static const JsonField namespace_fields[] = {
    {"type", JSON_TEXT, JSON_AT(type)}, {"path", JSON_TEXT, JSON_AT(path)}, {}};
static const JsonType namespace_type = {sizeof(T), namespace_fields};
#undef T
#define T SpecLinux
static const JsonField linux_fields[] = {
    {"namespaces", JSON_OBJECTS, JSON_AT(namespaces), &namespace_type},
    {"cgroupsPath", JSON_TEXT, JSON_AT(cgroups_path)}, {}};
static const JsonType linux_type = {sizeof(T), linux_fields};
#undef T
#define T Spec
static const JsonField spec_fields[] = {{"linux", JSON_OBJECT, JSON_AT(linux), &linux_type}, {}};
static const JsonType spec_type = {sizeof(T), spec_fields};
#undef T

static bool has_private_pids(const SpecLinux *linux) {
    for (size_t i = 0; i < linux->namespaces.n; i++) {
        const SpecNamespace *item = (const SpecNamespace *)linux->namespaces.item + i;
        if (text_equal(item->type, "pid") && text_is_empty(item->path))
            return true;
    }
    return false;
}

/* "NAME.slice:PREFIX:NAME"; sd_booted(3) */
static bool has_unit(const SpecLinux *linux) {
    static const char suffix[] = ".slice";
    const char *path = linux->cgroups_path, *colon = path ? strchr(path, ':') : NULL;
    size_t n = colon ? (size_t)(colon - path) : 0;
    return n >= sizeof suffix &&
           memcmp(colon - (sizeof suffix - 1), suffix, sizeof suffix - 1) == 0 &&
           strchr(colon + 1, ':') && file_exists(AT_FDCWD, "/run/systemd/system");
}

int spec_read(const char *bundle, SpecFacts *ret, Error *err) {
    autodone(Text) text = {};
    autofree char *path = path_join(bundle, "config.json");
    Spec spec = {};
    TRY(file_read(AT_FDCWD, path, SPEC_MAX, &text, err));
    if (json_decode(&spec_type, text.data, text.length, &spec, err) < 0)
        return error_prefix(err, "'%s'", path);
    *ret = (SpecFacts){};
    if (spec.linux)
        *ret = (SpecFacts){has_private_pids(spec.linux), has_unit(spec.linux)};
    json_done(&spec_type, &spec);
    return 0;
}
