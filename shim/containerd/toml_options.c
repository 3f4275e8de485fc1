// SPDX-License-Identifier: Apache-2.0
#include "shim/containerd/toml_options.h"

#include <stddef.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/toml.h"

#define T TomlOptions
static const JsonField fields[] = {
    {"BinaryName", JSON_TEXT, JSON_AT(binary_name)},
    {"Root", JSON_TEXT, JSON_AT(root)},
    {"ShimCgroup", JSON_TEXT, JSON_AT(shim_cgroup)},
    {"CriuWorkPath", JSON_TEXT, JSON_AT(criu_work_path)},
    {"SystemdCgroup", JSON_BOOL, JSON_AT(systemd_cgroup)},
    {"NoPivotRoot", JSON_BOOL, JSON_AT(no_pivot_root)},
    {"NoNewKeyring", JSON_BOOL, JSON_AT(no_new_keyring)},
    {"IoUid", JSON_UINT, JSON_AT(io_uid)},
    {"IoGid", JSON_UINT, JSON_AT(io_gid)},
    {},
};
static const JsonType type = {sizeof(T), fields};
#undef T

static void drop_empty(char **text) {
    if (*text && !**text)
        free(take_ptr(text));
}

int toml_options_decode(const char *text, size_t n, TomlOptions *ret, Error *err) {
    autodone(Text) json = {};
    if (toml_to_json(text, n, &json, err) < 0 ||
        json_decode(&type, json.data, json.length, ret, err) < 0)
        return error_prefix(err, "the runtime's options");
    drop_empty(&ret->binary_name);
    drop_empty(&ret->root);
    drop_empty(&ret->shim_cgroup);
    drop_empty(&ret->criu_work_path);
    return 0;
}

void toml_options_done(TomlOptions *options) {
    json_done(&type, options);
}
