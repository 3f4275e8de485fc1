// SPDX-License-Identifier: Apache-2.0
#include "engine/api/containerd/task_checkpoint.h"

#include <string.h>

#include "base/memory.h"
#include "base/path.h"
#include "base/text.h"
#include "engine/metadata/checkpoint.h"
#include "engine/rpc/service.h"
#include "engine/shim/checkpoint.h"
#include "proto/containerd/runc/v1/options.pb-c.h"
#include "proto/containerd/services/tasks.methods.h"
#include "proto/containerd/task/v3/task.pb-c.h"

CONTAINERD_TASKS_METHODS(RPC_PROTOTYPE)

#define MEDIA_TYPE "application/vnd.containerd.container.criu.checkpoint.criu.tar"
#define MEDIA_TYPE_CONFIG "application/vnd.containerd.container.checkpoint.config.v1+proto"

/* Options of runc's kind; NULL: of another, or none. */
static ProtobufCMessage *decode(
    const Google__Protobuf__Any *any, const ProtobufCMessageDescriptor *type) {
    if (!any || text_is_empty(any->type_url) || strcmp(path_name(any->type_url), type->name) != 0)
        return NULL;
    return protobuf_c_message_unpack(type, NULL, any->value.len, any->value.data);
}

static char *directory_named(RpcCall *call, const Google__Protobuf__Any *any) {
    const ProtobufCMessageDescriptor *type = &containerd__runc__v1__options__descriptor;
    ProtobufCMessage *message = decode(any, type);
    char *path =
        message ? message_text(call, ((Containerd__Runc__V1__Options *)message)->criu_image_path)
                : NULL;
    if (message)
        protobuf_c_message_free_unpacked(message, NULL);
    return path;
}

static int unpack(RpcCall *call, const TaskCaller *task, const Containerd__Types__Descriptor *from,
    char **ret_path, Error *err) {
    autoptr(MetadataRecord) record = NULL;
    autofree char *path = NULL;
    autoclose int directory = -1;
    if (!text_equal(from->media_type, MEDIA_TYPE))
        return error_set(
            err, ERROR_INVALID, "unsupported checkpoint type \"%.200s\"", from->media_type);
    TRY(digest_check(from->digest, err));
    TRY(records_find(&task->caller, METADATA_CONTENT, from->digest, &record, err));
    TRY(checkpoint_directory_make(
        task->shims, &task->task, CHECKPOINT_RESTORE, &path, &directory, err));
    TRY(checkpoint_load(task->caller.services->images, from->digest, directory, err));
    *ret_path = message_text(call, path);
    return 0;
}

int task_checkpoint_of(RpcCall *call, const TaskCaller *task,
    const Containerd__Tasks__CreateTaskRequest *request, char **ret_path, Error *err) {
    char *path = directory_named(call, request->options);
    if (text_is_empty(path) && request->checkpoint)
        TRY(unpack(call, task, request->checkpoint, &path, err));
    if (!text_is_empty(path))
        *ret_path = path;
    return 0;
}

static Containerd__Types__Descriptor *describe(
    RpcCall *call, const char *media_type, const BlobMade *made) {
    Containerd__Types__Descriptor *descriptor =
        message_new(call, &containerd__types__descriptor__descriptor);
    descriptor->media_type = message_text(call, media_type);
    descriptor->digest = message_text(call, made->digest);
    descriptor->size = (int64_t)made->size;
    return descriptor;
}

/* The container's spec, for whoever makes one of the checkpoint. */
static int save_config(
    RpcCall *call, const TaskCaller *task, BlobMake make, BlobMade *ret, Error *err) {
    autoptr(MetadataRecord) record = NULL;
    TRY(records_find(&task->caller, METADATA_CONTAINER, task->task.id, &record, err));
    const Google__Protobuf__Any nothing = GOOGLE__PROTOBUF__ANY__INIT;
    const Google__Protobuf__Any *any = message_any(call, record->container->spec);
    any = any ? any : &nothing;
    size_t n = google__protobuf__any__get_packed_size(any);
    autofree uint8_t *packed = memory_new(n + 1);
    google__protobuf__any__pack(any, packed);
    return blob_make_of(make, packed, n, ret, err);
}

static int save(RpcCall *call, const TaskCaller *task, int directory,
    Containerd__Tasks__CheckpointTaskResponse *response, Error *err) {
    const Caller *caller = &task->caller;
    const ContainerdServices *services = caller->services;
    const BlobMake make = {.metadata = services->metadata,
        .content = services->content,
        .space = caller->space,
        .lease = caller->lease};
    BlobMade memory, config;
    TRY(checkpoint_save(make, services->images, directory, &memory, err));
    TRY(save_config(call, task, make, &config, err));
    response->descriptors = rpc_call_alloc(call, 2 * sizeof(*response->descriptors));
    response->descriptors[response->n_descriptors++] = describe(call, MEDIA_TYPE, &memory);
    response->descriptors[response->n_descriptors++] = describe(call, MEDIA_TYPE_CONFIG, &config);
    return 0;
}

static int dump(const TaskCaller *task, const Containerd__Tasks__CheckpointTaskRequest *request,
    char *path, Error *err) {
    Containerd__Task__V3__CheckpointTaskRequest checkpoint =
        CONTAINERD__TASK__V3__CHECKPOINT_TASK_REQUEST__INIT;
    checkpoint.id = request->container_id;
    checkpoint.path = path;
    checkpoint.options = request->options;
    return shim_call(task->shims, &task->task, "Checkpoint", &checkpoint.base, NULL, err);
}

/* Into the directory that the options name, which then is all; else into content. */
int api_containerd_tasks_checkpoint(RpcCall *call,
    const Containerd__Tasks__CheckpointTaskRequest *request,
    Containerd__Tasks__CheckpointTaskResponse *response, Error *err) {
    const ProtobufCMessageDescriptor *type = &containerd__runc__v1__checkpoint_options__descriptor;
    TaskCaller task;
    autofree char *path = NULL;
    autoclose int directory = -1;
    TRY(task_caller(call, request->container_id, &task, err));
    ProtobufCMessage *message = decode(request->options, type);
    autofree char *named =
        message ? text_copy(((Containerd__Runc__V1__CheckpointOptions *)message)->image_path)
                : NULL;
    if (message)
        protobuf_c_message_free_unpacked(message, NULL);
    if (!text_is_empty(named))
        return dump(&task, request, named, err);
    TRY(checkpoint_directory_make(task.shims, &task.task, CHECKPOINT_DUMP, &path, &directory, err));
    int code = dump(&task, request, path, err);
    if (code == 0)
        code = save(call, &task, directory, response, err);
    checkpoint_directory_remove(task.shims, &task.task, CHECKPOINT_DUMP);
    return code;
}
