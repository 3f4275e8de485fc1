// SPDX-License-Identifier: Apache-2.0
#include "engine/metadata/diff.h"

#include "base/text.h"
#include "engine/api/containerd/mount.h"
#include "engine/metadata/check.h"
#include "engine/rpc/service.h"
#include "proto/containerd/services/diff.methods.h"
#include "proto/containerd/services/diff.pb-c.h"

/* containerd.services.diff.v1.Diff. */
CONTAINERD_DIFF_METHODS(RPC_PROTOTYPE)
RPC_SERVICE(containerd_diff_service, CONTAINERD_DIFF_METHODS, containerd__diff__diff__descriptor);

static Containerd__Types__Descriptor *encode(RpcCall *call, const DiffResult *result) {
    Containerd__Types__Descriptor *descriptor =
        message_new(call, &containerd__types__descriptor__descriptor);
    descriptor->media_type = message_text(call, result->media_type);
    descriptor->digest = message_text(call, result->digest);
    descriptor->size = (int64_t)result->size;
    return descriptor;
}

int api_containerd_diff_apply(RpcCall *call, const Containerd__Diff__ApplyRequest *request,
    Containerd__Diff__ApplyResponse *response, Error *err) {
    Caller caller;
    SnapshotMount mount;
    DiffResult result;
    autoptr(MetadataRecord) record = NULL;
    TRY(caller_of(call, &caller, err));
    if (!request->diff)
        return error_set(err, ERROR_INVALID, "descriptor is missing: invalid argument");
    TRY(digest_check(request->diff->digest, err));
    TRY(records_find(&caller, METADATA_CONTENT, request->diff->digest, &record, err));
    TRY(mount_decode(request->mounts, request->n_mounts, &mount, err));
    TRY(diff_apply(&caller.services->trees, caller.services->images, record, &mount, &result, err));
    response->applied = encode(call, &result);
    return 0;
}

int api_containerd_diff_diff(RpcCall *call, const Containerd__Diff__DiffRequest *request,
    Containerd__Diff__DiffResponse *response, Error *err) {
    Caller caller;
    SnapshotMount left, right;
    DiffResult result;
    TRY(caller_of(call, &caller, err));
    if (request->n_left > 0)
        TRY(mount_decode(request->left, request->n_left, &left, err));
    TRY(mount_decode(request->right, request->n_right, &right, err));
    const JsonMap labels = message_take_map(call, request->labels, request->n_labels);
    TRY(check_labels(&labels, err));
    const DiffMake make = {
        .space = caller.space,
        .lease = caller.lease,
        .reference = request->ref,
        .media_type = request->media_type,
        .left = request->n_left > 0 ? &left : NULL,
        .right = &right,
        .labels = &labels,
    };
    TRY(diff_make(&caller.services->trees, caller.services->images, &make, &result, err));
    response->diff = encode(call, &result);
    return 0;
}
