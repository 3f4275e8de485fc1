// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "base/memory.h"
#include "base/path.h"
#include "base/text.h"
#include "bootstrap/runtime_type.h"
#include "engine/config.h"

/* Which program runs a container, by the name that the user gave it. */

#define OWN_TYPE "io.containerd.tare.v2"

/* Known without configuration; the shim looks for them in $PATH. */
static const char *const stock[] = {"runc", "crun"};

#define T ConfigRuntimeOptions
static const JsonField options_fields[] = {
    {"BinaryName", JSON_TEXT, JSON_AT(binary_name)},
    {"ConfigBody", JSON_TEXT, JSON_AT(config_body)},
    {"ConfigPath", JSON_TEXT, JSON_AT(config_path)},
    {"CriuImagePath", JSON_TEXT, JSON_AT(criu_image_path)},
    {"CriuWorkPath", JSON_TEXT, JSON_AT(criu_work_path)},
    {"IoGid", JSON_UINT, JSON_AT(io_gid)},
    {"IoUid", JSON_UINT, JSON_AT(io_uid)},
    {"NoNewKeyring", JSON_BOOL, JSON_AT(no_new_keyring)},
    {"NoPivotRoot", JSON_BOOL, JSON_AT(no_pivot_root)},
    {"Root", JSON_TEXT, JSON_AT(root)},
    {"ShimCgroup", JSON_TEXT, JSON_AT(shim_cgroup)},
    {"SystemdCgroup", JSON_BOOL, JSON_AT(systemd_cgroup)},
    {"TypeUrl", JSON_TEXT, JSON_AT(type_url)},
    {},
};
static const JsonType options_type = {sizeof(T), options_fields};
#undef T

static bool is_option(const char *key) {
    for (const JsonField *field = options_fields; field->name; field++)
        if (strcasecmp(field->name, key) == 0)
            return true;
    return false;
}

int config_runtime_options(const ConfigRuntime *runtime, ConfigRuntimeOptions *ret, Error *err) {
    JsonTexts keys = {};
    *ret = (ConfigRuntimeOptions){};
    if (!runtime->options)
        return 0;
    int r = json_keys(runtime->options, strlen(runtime->options), &keys, err);
    for (size_t i = 0; r >= 0 && i < keys.n; i++)
        if (!is_option(keys.item[i]))
            r = error_set(err, ERROR_INVALID, "unknown key '%s'", keys.item[i]);
    json_texts_done(&keys);
    TRY(r);
    return json_decode(&options_type, runtime->options, strlen(runtime->options), ret, err);
}

void config_runtime_options_done(ConfigRuntimeOptions *options) {
    json_done(&options_type, options);
}

static int check_shim(const char *name, const ConfigRuntime *runtime, Error *err) {
    autodone(ConfigRuntimeOptions) options = {};
    if (runtime->arguments.n)
        return error_set(
            err, ERROR_INVALID, "runtimes.%s.runtimeArgs: a runtimeType takes none", name);
    if (!path_is_absolute(runtime->type) && !runtime_type_is_valid(runtime->type))
        return error_set(err, ERROR_INVALID,
            "runtimes.%s.runtimeType: '%s' is neither a path nor like io.containerd.NAME.v2", name,
            runtime->type);
    int r = config_runtime_options(runtime, &options, err);
    return r < 0 ? error_prefix(err, "runtimes.%s.options", name) : 0;
}

static int check_path(const char *name, const ConfigRuntime *runtime, Error *err) {
    if (runtime->options)
        return error_set(
            err, ERROR_INVALID, "runtimes.%s.options: a path takes none, only runtimeArgs", name);
    if (!path_is_absolute(runtime->path))
        return error_set(err, ERROR_INVALID, "runtimes.%s.path: expected an absolute path", name);
    return 0;
}

int config_runtimes_check(const Config *config, Error *err) {
    ConfigRuntime ignored;
    for (size_t i = 0; i < config->runtimes.n; i++) {
        const ConfigRuntime *runtime = (ConfigRuntime *)config->runtimes.value + i;
        const char *name = config->runtimes.key[i];
        if (!runtime->path == !runtime->type)
            return error_set(err, ERROR_INVALID,
                "runtimes.%s: either a path or a runtimeType must be given", name);
        TRY(runtime->path ? check_path(name, runtime, err) : check_shim(name, runtime, err));
    }
    return config_runtime(config, "", &ignored, err);
}

static bool is_shim_path(const char *path) {
    return text_starts(path_name(path), "containerd-shim-");
}

static ConfigRuntime of_path(const char *path) {
    char *text = (char *)(uintptr_t)path;
    return is_shim_path(path) ? (ConfigRuntime){.type = text} : (ConfigRuntime){.path = text};
}

const char *config_runtime_name(const Config *config, const char *name) {
    if (!text_is_empty(name))
        return name;
    return text_is_empty(config->default_runtime) ? "tare" : config->default_runtime;
}

int config_runtime(const Config *config, const char *name, ConfigRuntime *ret, Error *err) {
    const char *wanted = config_runtime_name(config, name);
    *ret = (ConfigRuntime){};
    for (size_t i = 0; i < config->runtimes.n; i++) {
        if (text_equal(config->runtimes.key[i], wanted)) {
            *ret = ((const ConfigRuntime *)config->runtimes.value)[i];
            return 0;
        }
    }
    if (text_equal(wanted, "tare") || text_equal(wanted, OWN_TYPE))
        return 0;
    for (size_t i = 0; i < array_size(stock); i++)
        if (text_equal(stock[i], wanted)) {
            ret->path = (char *)(uintptr_t)wanted;
            return 0;
        }
    if (path_is_absolute(wanted)) {
        *ret = of_path(wanted);
        return 0;
    }
    if (!runtime_type_is_valid(wanted))
        return error_set(err, ERROR_INVALID, "unknown or invalid runtime name: %s", wanted);
    ret->type = (char *)(uintptr_t)wanted;
    return 0;
}
