// SPDX-License-Identifier: Apache-2.0
#include "shim/containerd/options.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/text.h"
#include "proto/containerd/runc/v1/options.pb-c.h"
#include "proto/containerd/runtimeoptions/v1/options.pb-c.h"
#include "proto/tare/shim/v1/options.pb-c.h"
#include "shim/containerd/toml_options.h"

enum {
    CONFIG_MAX = 1 << 20
};

static char *copy_or_null(const char *text) {
    return text_is_empty(text) ? NULL : text_copy(text);
}

/* Where containerd's own shim keeps the state, so that its tools find it. */
static char *containerd_root(const char *root, const char *name_space) {
    return path_join(text_is_empty(root) ? "/run/containerd/runc" : root, name_space);
}

static int take_health(const Tare__Shim__V1__HealthProbe *from, HealthOptions *ret, Error *err) {
    *ret = (HealthOptions){.process = copy_or_null(from->process),
        .url = copy_or_null(from->url),
        .interval = from->interval,
        .timeout = from->timeout,
        .start_period = from->start_period,
        .start_interval = from->start_interval,
        .retries = from->retries,
        .stop_signal = (int)from->stop_signal};
    return health_action_parse(from->on_failure, &ret->on_failure, err);
}

static void copy_pairs(Tare__Shim__V1__LogPair *const *from, size_t n, JsonMap *to) {
    for (size_t i = 0; i < n; i++)
        json_map_set(to, from[i]->name, from[i]->value);
}

static int take_log(const Tare__Shim__V1__Log *from, TaskLog *to, Error *err) {
    if (!from)
        return output_settings_parse(NULL, &to->options, &to->settings, err);
    copy_pairs(from->options, from->n_options, &to->options);
    copy_pairs(from->attributes, from->n_attributes, &to->attributes);
    to->tag = copy_or_null(from->tag);
    to->container_name = copy_or_null(from->container_name);
    to->image_name = copy_or_null(from->image_name);
    return output_settings_parse(from->driver, &to->options, &to->settings, err);
}

static void log_done(TaskLog *log) {
    free(log->path);
    free(log->tag);
    free(log->container_name);
    free(log->image_name);
    json_map_done(&log->options);
    json_map_done(&log->attributes);
}

/* As protobuf-c itself would have allocated it. */
static Google__Protobuf__Any *new_any(const char *type, const ProtobufCBinaryData *value) {
    Google__Protobuf__Any *any = new (Google__Protobuf__Any);
    google__protobuf__any__init(any);
    any->type_url = text_copy(type);
    any->value.len = value->len;
    any->value.data = value->len > 0 ? memory_copy(value->data, value->len) : NULL;
    return any;
}

static int take_tare(
    const ProtobufCMessage *message, const char *name_space, TaskOptions *ret, Error *err) {
    const Tare__Shim__V1__Options *from = (const Tare__Shim__V1__Options *)message;
    *ret = (TaskOptions){.runtime = copy_or_null(from->runtime),
        .runtime_root = copy_or_null(from->runtime_root),
        .log.path = copy_or_null(from->log_path),
        .attach_socket = copy_or_null(from->attach_socket),
        .exit_record = copy_or_null(from->exit_record),
        .open_stdin = from->open_stdin,
        .stdin_once = from->stdin_once,
        .systemd_cgroup = from->systemd_cgroup,
        .of_tare = true,
        .terminal_size = {(uint16_t)from->terminal_rows, (uint16_t)from->terminal_columns}};
    if (from->n_runtime_arguments > 0) {
        ret->runtime_arguments = new_array(char *, from->n_runtime_arguments + 1);
        for (size_t i = 0; i < from->n_runtime_arguments; i++)
            ret->runtime_arguments[i] = text_copy(from->runtime_arguments[i]);
    }
    ret->delegate = copy_or_null(from->delegate);
    if (!text_is_empty(from->delegate_options_type))
        ret->delegate_options = new_any(from->delegate_options_type, &from->delegate_options);
    const Tare__Shim__V1__RestartPolicy *restart = from->restart;
    if (restart)
        TRY(restart_set(&ret->restart, restart->name, restart->maximum_retries, err));
    TRY(take_log(from->log, &ret->log, err));
    return from->health ? take_health(from->health, &ret->health, err) : 0;
}

static int take_runc(
    const ProtobufCMessage *message, const char *name_space, TaskOptions *ret, Error *err) {
    const Containerd__Runc__V1__Options *from = (const Containerd__Runc__V1__Options *)message;
    *ret = (TaskOptions){.runtime = copy_or_null(from->binary_name),
        .runtime_root = containerd_root(from->root, name_space),
        .shim_cgroup = copy_or_null(from->shim_cgroup),
        .criu_work = copy_or_null(from->criu_work_path),
        .io_owner = {from->io_uid, from->io_gid},
        .systemd_cgroup = from->systemd_cgroup,
        .no_pivot = from->no_pivot_root,
        .no_new_keyring = from->no_new_keyring};
    return 0;
}

static int take_generic(
    const ProtobufCMessage *message, const char *name_space, TaskOptions *ret, Error *err) {
    const Runtimeoptions__V1__Options *from = (const Runtimeoptions__V1__Options *)message;
    autodone(Text) file = {};
    TomlOptions toml = {};
    if (*from->config_path) {
        TRY(file_read(AT_FDCWD, from->config_path, CONFIG_MAX, &file, err));
        if (toml_options_decode(file.data, file.length, &toml, err) < 0)
            return error_prefix(err, "'%s'", from->config_path);
    } else
        TRY(toml_options_decode(
            (const char *)from->config_body.data, from->config_body.len, &toml, err));
    if (toml.io_uid.value >= UINT32_MAX || toml.io_gid.value >= UINT32_MAX) {
        toml_options_done(&toml);
        return error_set(
            err, ERROR_INVALID, "the runtime's options: IoUid and IoGid are too large");
    }
    *ret = (TaskOptions){.runtime = take_ptr(&toml.binary_name),
        .runtime_root = containerd_root(toml.root, name_space),
        .shim_cgroup = take_ptr(&toml.shim_cgroup),
        .criu_work = take_ptr(&toml.criu_work_path),
        .io_owner = {(uid_t)toml.io_uid.value, (gid_t)toml.io_gid.value},
        .systemd_cgroup = toml.systemd_cgroup.value,
        .no_pivot = toml.no_pivot_root.value,
        .no_new_keyring = toml.no_new_keyring.value};
    toml_options_done(&toml);
    return 0;
}

static const struct {
    const ProtobufCMessageDescriptor *type;
    int (*take)(
        const ProtobufCMessage *message, const char *name_space, TaskOptions *ret, Error *err);
} kinds[] = {
    {&tare__shim__v1__options__descriptor, take_tare},
    {&containerd__runc__v1__options__descriptor, take_runc},
    {&runtimeoptions__v1__options__descriptor, take_generic},
};

static int check(const TaskOptions *options, Error *err) {
    const char *const paths[] = {options->log.path, options->attach_socket, options->exit_record,
        options->health.process, options->delegate, options->criu_work};
    for (size_t i = 0; i < array_size(paths); i++)
        if (paths[i] && !path_is_absolute(paths[i]))
            return error_set(err, ERROR_INVALID, "'%s' is not an absolute path", paths[i]);
    return 0;
}

int task_options_decode(
    const Google__Protobuf__Any *any, const char *name_space, TaskOptions *ret, Error *err) {
    if (!any || text_is_empty(any->type_url)) {
        *ret = (TaskOptions){.runtime_root = containerd_root(NULL, name_space)};
        return 0;
    }
    for (size_t i = 0; i < array_size(kinds); i++) {
        if (strcmp(path_name(any->type_url), kinds[i].type->name) != 0)
            continue;
        ProtobufCMessage *message =
            protobuf_c_message_unpack(kinds[i].type, NULL, any->value.len, any->value.data);
        if (!message)
            return error_set(err, ERROR_INVALID, "malformed %s", any->type_url);
        int r = kinds[i].take(message, name_space, ret, err);
        protobuf_c_message_free_unpacked(message, NULL);
        r = r < 0 ? r : check(ret, err);
        if (r < 0)
            task_options_done(ret);
        return r;
    }
    return error_set(err, ERROR_INVALID, "options of type '%.200s' are not known", any->type_url);
}

void task_options_done(TaskOptions *options) {
    free(options->runtime);
    free(options->runtime_root);
    free(options->shim_cgroup);
    free(options->criu_work);
    log_done(&options->log);
    free(options->attach_socket);
    free(options->exit_record);
    texts_free(options->runtime_arguments);
    free(options->delegate);
    if (options->delegate_options)
        google__protobuf__any__free_unpacked(options->delegate_options, NULL);
    health_options_done(&options->health);
    *options = (TaskOptions){};
}
