// SPDX-License-Identifier: Apache-2.0
#include "engine/container/runtime.h"

#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "bootstrap/runtime_type.h"
#include "proto/containerd/runc/v1/options.pb-c.h"
#include "proto/containerd/runtimeoptions/v1/options.pb-c.h"

static char *or_empty(const char *text) {
    return (char *)(uintptr_t)(text ? text : "");
}

static void pack(const ProtobufCMessage *message, TaskRuntime *ret) {
    size_t n = protobuf_c_message_get_packed_size(message);
    text_reserve(&ret->options, n + 1);
    ret->options.length = protobuf_c_message_pack(message, (uint8_t *)ret->options.data);
    ret->options_type = message->descriptor->name;
}

static void pack_runc(const ConfigRuntimeOptions *from, const char *root, TaskRuntime *ret) {
    Containerd__Runc__V1__Options options = CONTAINERD__RUNC__V1__OPTIONS__INIT;
    options.binary_name = or_empty(from->binary_name);
    options.root = or_empty(text_is_empty(from->root) ? root : from->root);
    options.shim_cgroup = or_empty(from->shim_cgroup);
    options.criu_image_path = or_empty(from->criu_image_path);
    options.criu_work_path = or_empty(from->criu_work_path);
    options.no_pivot_root = from->no_pivot_root.value;
    options.no_new_keyring = from->no_new_keyring.value;
    options.systemd_cgroup = from->systemd_cgroup.value;
    options.io_uid = (uint32_t)from->io_uid.value;
    options.io_gid = (uint32_t)from->io_gid.value;
    pack(&options.base, ret);
}

static void pack_generic(const ConfigRuntimeOptions *from, TaskRuntime *ret) {
    Runtimeoptions__V1__Options options = RUNTIMEOPTIONS__V1__OPTIONS__INIT;
    options.type_url = or_empty(from->type_url);
    options.config_path = or_empty(from->config_path);
    options.config_body.data = (uint8_t *)or_empty(from->config_body);
    options.config_body.len = strlen(or_empty(from->config_body));
    if (!text_is_empty(from->type_url) || !text_is_empty(from->config_path))
        pack(&options.base, ret);
}

int task_runtime_find(
    const Config *config, const char *name, const char *root, TaskRuntime *ret, Error *err) {
    ConfigRuntime runtime;
    autodone(ConfigRuntimeOptions) options = {};
    *ret = (TaskRuntime){};
    TRY(config_runtime(config, name, &runtime, err));
    ret->path = runtime.path;
    ret->arguments = runtime.arguments;
    if (!runtime.type)
        return 0;
    TRY(config_runtime_options(&runtime, &options, err));
    TRY(runtime_type_find_shim(runtime.type, &ret->delegate, err));
    if (text_starts(path_name(ret->delegate), "containerd-shim-runc-"))
        pack_runc(&options, root, ret);
    else
        pack_generic(&options, ret);
    return 0;
}

void task_runtime_done(TaskRuntime *runtime) {
    free(runtime->delegate);
    text_done(&runtime->options);
}
