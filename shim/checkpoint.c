// SPDX-License-Identifier: Apache-2.0
#include "shim/checkpoint.h"

#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/path.h"
#include "base/text.h"
#include "proto/containerd/runc/v1/options.pb-c.h"
#include "shim/containerd/notice.h"

typedef Containerd__Runc__V1__CheckpointOptions Options;

static int decode(const Google__Protobuf__Any *any, Options **ret, Error *err) {
    const ProtobufCMessageDescriptor *type = &containerd__runc__v1__checkpoint_options__descriptor;
    bool given = any && !text_is_empty(any->type_url);
    if (given && strcmp(path_name(any->type_url), type->name) != 0)
        return error_set(
            err, ERROR_INVALID, "options of type '%.200s' are not known", any->type_url);
    *ret = (Options *)protobuf_c_message_unpack(
        type, NULL, given ? any->value.len : 0, given ? any->value.data : NULL);
    return *ret ? 0 : error_set(err, ERROR_INVALID, "malformed %s", any->type_url);
}

static RuntimeCheckpoint arguments_of(
    const Containerd__Task__V3__CheckpointTaskRequest *request, const Options *options) {
    const char *image = text_is_empty(options->image_path) ? request->path : options->image_path;
    return (RuntimeCheckpoint){.image_path = image,
        .work_path = text_is_empty(options->work_path) ? NULL : options->work_path,
        .parent_path = text_is_empty(options->parent_path) ? NULL : options->parent_path,
        .cgroup_mode = text_is_empty(options->cgroups_mode) ? NULL : options->cgroups_mode,
        .leave_running = !options->exit,
        .tcp_established = options->open_tcp,
        .ext_unix_sk = options->external_unix_sockets,
        .shell_job = options->terminal,
        .file_locks = options->file_locks,
        .empty_namespaces = options->empty_namespaces,
        .empty_namespaces_n = options->n_empty_namespaces};
}

int checkpoint_make(
    Container *container, const Containerd__Task__V3__CheckpointTaskRequest *request, Error *err) {
    Options *options = NULL;
    autofree char *work = path_join(container->bundle, "criu-work");
    Error ignored;
    TRY(decode(request->options, &options, err));
    RuntimeCheckpoint checkpoint = arguments_of(request, options);
    if (!checkpoint.work_path)
        checkpoint.work_path = container->criu_work;
    bool own_work = !checkpoint.work_path;
    if (own_work)
        checkpoint.work_path = work;
    int r = path_is_absolute(checkpoint.image_path)
                ? runtime_checkpoint(&container->runtime, container->id, &checkpoint, err)
                : error_set(err, ERROR_INVALID, "checkpoint path '%.200s' is not absolute",
                      checkpoint.image_path);
    if (own_work && r >= 0) /* after a failure criu's log is worth more than the room */
        file_remove_tree(AT_FDCWD, work, &ignored);
    containerd__runc__v1__checkpoint_options__free_unpacked(options, NULL);
    if (r >= 0)
        notice_checkpointed(container, request->path);
    return r;
}
