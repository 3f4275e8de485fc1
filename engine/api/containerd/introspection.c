// SPDX-License-Identifier: Apache-2.0
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "bootstrap/command.h"
#include "bootstrap/runtime_type.h"
#include "engine/api/containerd/message.h"
#include "engine/image/platform.h"
#include "engine/rpc/service.h"
#include "proto/containerd/services/introspection.methods.h"
#include "proto/containerd/services/introspection.pb-c.h"
#include "proto/containerd/services/version.methods.h"
#include "proto/containerd/services/version.pb-c.h"
#include "proto/containerd/types/introspection.pb-c.h"
#include "version.h"

/* containerd.services.version.v1.Version and containerd.services.introspection.v1.Introspection. */
CONTAINERD_VERSION_METHODS(RPC_PROTOTYPE)
CONTAINERD_INTROSPECTION_METHODS(RPC_PROTOTYPE)
RPC_SERVICE(containerd_version_service, CONTAINERD_VERSION_METHODS,
    containerd__version__version__descriptor);
RPC_SERVICE(containerd_introspection_service, CONTAINERD_INTROSPECTION_METHODS,
    containerd__introspection__introspection__descriptor);

int api_containerd_version_version(RpcCall *call, const Google__Protobuf__Empty *request,
    Containerd__Version__VersionResponse *response, Error *err) {
    response->version = TARE_VERSION;
    response->revision = TARE_COMMIT;
    return 0;
}

/* In containerd's words, what of it is here: clients look for their snapshotter and services. */
static const struct {
    const char *type, *id;
    bool here; /* its work is for this machine's platform */
} plugins[] = {
    {"io.containerd.content.v1", "content"},
    {"io.containerd.differ.v1", "walking", true},
    {"io.containerd.event.v1", "exchange"},
    {"io.containerd.gc.v1", "scheduler"},
    {"io.containerd.grpc.v1", "containers"},
    {"io.containerd.grpc.v1", "content"},
    {"io.containerd.grpc.v1", "diff"},
    {"io.containerd.grpc.v1", "events"},
    {"io.containerd.grpc.v1", "images"},
    {"io.containerd.grpc.v1", "introspection"},
    {"io.containerd.grpc.v1", "leases"},
    {"io.containerd.grpc.v1", "namespaces"},
    {"io.containerd.grpc.v1", "snapshots"},
    {"io.containerd.grpc.v1", "streaming"},
    {"io.containerd.grpc.v1", "tasks"},
    {"io.containerd.grpc.v1", "transfer"},
    {"io.containerd.grpc.v1", "version"},
    {"io.containerd.lease.v1", "manager"},
    {"io.containerd.metadata.v1", "bolt"},
    {"io.containerd.runtime.v2", "task", true},
    {"io.containerd.transfer.v1", "local"},
};

static const char *plugin_field(const void *object, char *const *path, size_t n) {
    const Containerd__Introspection__Plugin *plugin = object;
    if (n == 1 && text_equal(path[0], "type"))
        return plugin->type;
    return n == 1 && text_equal(path[0], "id") ? plugin->id : NULL;
}

static void add_platform(RpcCall *call, Containerd__Introspection__Plugin *plugin) {
    Platform here;
    Error ignored; /* this machine's is always known */
    if (platform_parse(NULL, &here, &ignored) < 0)
        return;
    plugin->platforms = rpc_call_alloc(call, sizeof(*plugin->platforms));
    plugin->platforms[0] = message_new(call, &containerd__types__platform__descriptor);
    plugin->platforms[0]->os = message_text(call, here.os);
    plugin->platforms[0]->architecture = message_text(call, here.architecture);
    plugin->platforms[0]->variant = message_text(call, here.variant);
    plugin->n_platforms = 1;
}

/* The i-th plugin of the table, or behind it a snapshotter; NULL: there are no more. */
static Containerd__Introspection__Plugin *describe_plugin(RpcCall *call, size_t i) {
    const ContainerdServices *services = rpc_call_user(call);
    bool fixed = i < array_size(plugins);
    const char *id =
        fixed ? plugins[i].id : snapshots_offer(services->trees.snapshots, i - array_size(plugins));
    if (!id)
        return NULL;
    Containerd__Introspection__Plugin *plugin =
        message_new(call, &containerd__introspection__plugin__descriptor);
    plugin->type = message_text(call, fixed ? plugins[i].type : "io.containerd.snapshotter.v1");
    plugin->id = message_text(call, id);
    if (!fixed || plugins[i].here)
        add_platform(call, plugin);
    return plugin;
}

int api_containerd_introspection_plugins(RpcCall *call,
    const Containerd__Introspection__PluginsRequest *request,
    Containerd__Introspection__PluginsResponse *response, Error *err) {
    autoptr(Filter) filter = NULL;
    Containerd__Introspection__Plugin *plugin;
    size_t n = 0;
    TRY(filter_parse(request->filters, request->n_filters, &filter, err));
    while (describe_plugin(call, n))
        n++;
    response->plugins = rpc_call_alloc(call, n * sizeof(*response->plugins));
    for (size_t i = 0; (plugin = describe_plugin(call, i)); i++)
        if (filter_matches(filter, plugin_field, plugin))
            response->plugins[response->n_plugins++] = plugin;
    return 0;
}

/* containerd.types.RuntimeRequest in, RuntimeInfo out: the shim is asked. */
static int describe_runtime(RpcCall *call, const Google__Protobuf__Any *options,
    Containerd__Introspection__PluginInfoResponse *response, Error *err) {
    autodone(Text) info = {};
    autofree char *program = NULL;
    Containerd__Types__RuntimeRequest *request = NULL;
    if (text_equal(options->type_url, containerd__types__runtime_request__descriptor.name))
        request = containerd__types__runtime_request__unpack(
            NULL, options->value.len, options->value.data);
    if (!request)
        return error_set(err, ERROR_UNSUPPORTED, "unknown request type %.100s: not implemented",
            options->type_url);
    int code = runtime_type_find_shim(request->runtime_path, &program, err);
    if (code >= 0)
        code = bootstrap_command_info(
            program, request->options ? &request->options->base : NULL, &info, err);
    containerd__types__runtime_request__free_unpacked(request, NULL);
    TRY(code);
    response->extra = message_new(call, &google__protobuf__any__descriptor);
    response->extra->type_url =
        message_text(call, containerd__types__runtime_info__descriptor.name);
    uint8_t *value = rpc_call_alloc(call, info.length);
    if (info.length > 0)
        memcpy(value, info.data, info.length);
    response->extra->value = (ProtobufCBinaryData){info.length, value};
    return 0;
}

static Containerd__Introspection__Plugin *find_plugin(
    RpcCall *call, const char *type, const char *id) {
    Containerd__Introspection__Plugin *plugin;
    for (size_t i = 0; (plugin = describe_plugin(call, i)); i++)
        if (text_equal(plugin->type, type) && text_equal(plugin->id, id))
            return plugin;
    return NULL;
}

int api_containerd_introspection_plugin_info(RpcCall *call,
    const Containerd__Introspection__PluginInfoRequest *request,
    Containerd__Introspection__PluginInfoResponse *response, Error *err) {
    response->plugin = find_plugin(call, request->type, request->id);
    if (!response->plugin)
        return error_set(
            err, ERROR_NOT_FOUND, "plugin %.100s.%.100s: not found", request->type, request->id);
    if (!request->options)
        return 0;
    if (!text_equal(request->type, "io.containerd.runtime.v2"))
        return error_set(
            err, ERROR_UNSUPPORTED, "plugin does not provided extra information: not implemented");
    return describe_runtime(call, request->options, response, err);
}

/* A UUID's shape, as clients expect, of the engine's own id. */
static char *uuid_of(RpcCall *call, const char *id) {
    char hex[33] = "00000000000000000000000000000000";
    size_t n = 0;
    for (; *id && n < 32; id++)
        if (*id != '-')
            hex[n++] = *id;
    autofree char *text =
        text_format("%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
    return rpc_call_copy(call, text);
}

int api_containerd_introspection_server(RpcCall *call, const Google__Protobuf__Empty *request,
    Containerd__Introspection__ServerResponse *response, Error *err) {
    const ContainerdServices *services = rpc_call_user(call);
    struct stat status;
    response->uuid = uuid_of(call, services->id);
    response->pid = (uint64_t)getpid();
    response->pidns = stat("/proc/self/ns/pid", &status) == 0 ? status.st_ino : 0;
    return 0;
}
