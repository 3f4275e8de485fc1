// SPDX-License-Identifier: Apache-2.0
#include "base/memory.h"
#include "base/text.h"
#include "engine/api/containerd/mount.h"
#include "engine/metadata/check.h"
#include "engine/metadata/lease.h"
#include "engine/rpc/service.h"
#include "proto/containerd/events/snapshot.pb-c.h"
#include "proto/containerd/services/snapshots.methods.h"
#include "proto/containerd/services/snapshots.pb-c.h"

/* containerd.services.snapshots.v1.Snapshots. */
CONTAINERD_SNAPSHOTS_METHODS(RPC_PROTOTYPE)
RPC_SERVICE(containerd_snapshots_service, CONTAINERD_SNAPSHOTS_METHODS,
    containerd__snapshots__snapshots__descriptor);

enum {
    LIST_CHUNK = 100
};
_Static_assert((int)CONTAINERD__SNAPSHOTS__KIND__VIEW == SNAPSHOT_VIEW &&
                   (int)CONTAINERD__SNAPSHOTS__KIND__ACTIVE == SNAPSHOT_ACTIVE &&
                   (int)CONTAINERD__SNAPSHOTS__KIND__COMMITTED == SNAPSHOT_COMMITTED,
    "the same kinds");

/* The call's snapshotter: its snapshots are those of *ret. */
static int begin(RpcCall *call, const char *snapshotter, Caller *ret, Error *err) {
    TRY(caller_of(call, ret, err));
    return caller_use(call, ret, snapshotter, err);
}

static Containerd__Snapshots__Info *encode(RpcCall *call, const SnapshotInfo *info) {
    Containerd__Snapshots__Info *message =
        message_new(call, &containerd__snapshots__info__descriptor);
    message->name = message_text(call, info->key);
    message->parent = message_text(call, info->parent);
    message->kind = (Containerd__Snapshots__Kind)info->kind;
    message->created_at = message_time(call, info->created);
    message->updated_at = message_time(call, info->updated);
    message->labels = message_map(call, &info->labels,
        &containerd__snapshots__info__labels_entry__descriptor, &message->n_labels);
    return message;
}

static int make(RpcCall *call, const Caller *caller, const SnapshotInfo *like,
    Containerd__Types__Mount ***ret, size_t *ret_n, Error *err) {
    autodone(SnapshotMount) mount = {};
    TRY(tree_make(caller->trees, caller->space, caller->lease, like, err));
    TRY(tree_mounts(caller->trees, caller->space, like->key, &mount, err));
    *ret = mount_encode(call, &mount, ret_n);
    Containerd__Events__SnapshotPrepare event;
    containerd__events__snapshot_prepare__init(&event);
    event.key = like->key;
    event.parent = like->parent;
    event.snapshotter = (char *)(uintptr_t)caller->trees->snapshotter;
    message_publish(caller, "/snapshot/prepare", &event.base);
    return 0;
}

int api_containerd_snapshots_prepare(RpcCall *call,
    const Containerd__Snapshots__PrepareSnapshotRequest *request,
    Containerd__Snapshots__PrepareSnapshotResponse *response, Error *err) {
    Caller caller;
    const SnapshotInfo like = {
        .key = request->key,
        .parent = request->parent,
        .kind = SNAPSHOT_ACTIVE,
        .labels = message_take_map(call, request->labels, request->n_labels),
    };
    TRY(begin(call, request->snapshotter, &caller, err));
    return make(call, &caller, &like, &response->mounts, &response->n_mounts, err);
}

int api_containerd_snapshots_view(RpcCall *call,
    const Containerd__Snapshots__ViewSnapshotRequest *request,
    Containerd__Snapshots__ViewSnapshotResponse *response, Error *err) {
    Caller caller;
    const SnapshotInfo like = {
        .key = request->key,
        .parent = request->parent,
        .kind = SNAPSHOT_VIEW,
        .labels = message_take_map(call, request->labels, request->n_labels),
    };
    TRY(begin(call, request->snapshotter, &caller, err));
    return make(call, &caller, &like, &response->mounts, &response->n_mounts, err);
}

int api_containerd_snapshots_mounts(RpcCall *call,
    const Containerd__Snapshots__MountsRequest *request,
    Containerd__Snapshots__MountsResponse *response, Error *err) {
    Caller caller;
    autodone(SnapshotMount) mount = {};
    autodone(SnapshotInfo) info = {};
    TRY(begin(call, request->snapshotter, &caller, err));
    TRY(tree_stat(caller.trees, caller.space, request->key, &info, err));
    if (info.kind == SNAPSHOT_COMMITTED)
        return error_set(
            err, ERROR_STATE, "snapshot %s is not active: failed precondition", request->key);
    TRY(tree_mounts(caller.trees, caller.space, request->key, &mount, err));
    response->mounts = mount_encode(call, &mount, &response->n_mounts);
    return 0;
}

int api_containerd_snapshots_commit(RpcCall *call,
    const Containerd__Snapshots__CommitSnapshotRequest *request, Google__Protobuf__Empty *response,
    Error *err) {
    Caller caller;
    const SnapshotInfo like = {
        .key = request->name,
        .labels = message_take_map(call, request->labels, request->n_labels),
    };
    TRY(begin(call, request->snapshotter, &caller, err));
    TRY(tree_commit(caller.trees, caller.space, caller.lease, request->key, &like, err));
    Containerd__Events__SnapshotCommit event;
    containerd__events__snapshot_commit__init(&event);
    event.key = request->key;
    event.name = request->name;
    event.snapshotter = request->snapshotter;
    message_publish(&caller, "/snapshot/commit", &event.base);
    return 0;
}

int api_containerd_snapshots_remove(RpcCall *call,
    const Containerd__Snapshots__RemoveSnapshotRequest *request, Google__Protobuf__Empty *response,
    Error *err) {
    Caller caller;
    TRY(begin(call, request->snapshotter, &caller, err));
    TRY(tree_remove(caller.trees, caller.space, request->key, err));
    Containerd__Events__SnapshotRemove event;
    containerd__events__snapshot_remove__init(&event);
    event.key = request->key;
    event.snapshotter = request->snapshotter;
    message_publish(&caller, "/snapshot/remove", &event.base);
    return 0;
}

int api_containerd_snapshots_stat(RpcCall *call,
    const Containerd__Snapshots__StatSnapshotRequest *request,
    Containerd__Snapshots__StatSnapshotResponse *response, Error *err) {
    Caller caller;
    autodone(SnapshotInfo) info = {};
    TRY(begin(call, request->snapshotter, &caller, err));
    TRY(tree_stat(caller.trees, caller.space, request->key, &info, err));
    response->info = encode(call, &info);
    return 0;
}

int api_containerd_snapshots_update(RpcCall *call,
    const Containerd__Snapshots__UpdateSnapshotRequest *request,
    Containerd__Snapshots__UpdateSnapshotResponse *response, Error *err) {
    static char *all[] = {"labels", NULL};
    Caller caller;
    autodone(SnapshotInfo) info = {};
    TRY(begin(call, request->snapshotter, &caller, err));
    if (!request->info)
        return error_set(err, ERROR_INVALID, "info is missing: invalid argument");
    const Trees *trees = caller.trees;
    const JsonMap given = message_take_map(call, request->info->labels, request->info->n_labels);
    RecordChange change = {};
    record_change_mask(&change, request->update_mask, all);
    TRY(tree_stat(trees, caller.space, request->info->name, &info, err));
    for (size_t i = 0; i < change.n; i++)
        if (!labels_apply(&info.labels, &given, change.path[i]))
            return error_set(err, ERROR_INVALID,
                "cannot update \"%.100s\" field on snapshot \"%.200s\": invalid argument",
                change.path[i], request->info->name);
    TRY(tree_label(trees, caller.space, request->info->name, &info.labels, err));
    response->info = encode(call, &info);
    return 0;
}

static const char *snapshot_field(const void *object, char *const *path, size_t n) {
    static const char *const kinds[] = {
        [SNAPSHOT_VIEW] = "view", [SNAPSHOT_ACTIVE] = "active", [SNAPSHOT_COMMITTED] = "committed"};
    const SnapshotInfo *info = object;
    if (n > 1)
        return text_equal(path[0], "labels") ? filter_find(&info->labels, path + 1, n - 1) : NULL;
    return text_equal(path[0], "name")     ? info->key
           : text_equal(path[0], "parent") ? info->parent
           : text_equal(path[0], "kind")   ? kinds[info->kind]
                                           : NULL;
}

int api_containerd_snapshots_list(RpcCall *call,
    const Containerd__Snapshots__ListSnapshotsRequest *request,
    Containerd__Snapshots__ListSnapshotsResponse *response, Error *err) {
    Caller caller;
    autoptr(Filter) filter = NULL;
    autodone(SnapshotInfos) infos = {};
    TRY(begin(call, request->snapshotter, &caller, err));
    TRY(filter_parse(request->filters, request->n_filters, &filter, err));
    tree_list(caller.trees, caller.space, &infos);
    Containerd__Snapshots__Info *info[LIST_CHUNK];
    Containerd__Snapshots__ListSnapshotsResponse message;
    containerd__snapshots__list_snapshots_response__init(&message);
    message.info = info;
    for (size_t i = 0; i < infos.n; i++) {
        if (filter_matches(filter, snapshot_field, &infos.item[i]))
            info[message.n_info++] = encode(call, &infos.item[i]);
        if (message.n_info == LIST_CHUNK || (i + 1 == infos.n && message.n_info > 0)) {
            TRY(rpc_call_send(call, &message.base, err));
            message.n_info = 0;
        }
    }
    return 0;
}

int api_containerd_snapshots_usage(RpcCall *call,
    const Containerd__Snapshots__UsageRequest *request,
    Containerd__Snapshots__UsageResponse *response, Error *err) {
    Caller caller;
    SnapshotUsage usage;
    TRY(begin(call, request->snapshotter, &caller, err));
    TRY(tree_usage(caller.trees, caller.space, request->key, &usage, err));
    response->size = (int64_t)usage.bytes;
    response->inodes = (int64_t)usage.inodes;
    return 0;
}

/* What is removed goes in the background; nothing waits for this call. */
int api_containerd_snapshots_cleanup(RpcCall *call,
    const Containerd__Snapshots__CleanupRequest *request, Google__Protobuf__Empty *response,
    Error *err) {
    Caller caller;
    return begin(call, request->snapshotter, &caller, err);
}
