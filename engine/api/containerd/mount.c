// SPDX-License-Identifier: Apache-2.0
#include "engine/api/containerd/mount.h"

Containerd__Types__Mount **mount_encode(RpcCall *call, const SnapshotMount *mount, size_t *ret_n) {
    Containerd__Types__Mount **mounts = rpc_call_alloc(call, sizeof(*mounts));
    mounts[0] = message_new(call, &containerd__types__mount__descriptor);
    mounts[0]->type = message_text(call, mount->type);
    mounts[0]->source = message_text(call, mount->source);
    mounts[0]->options = rpc_call_copy_all(call, mount->options.item, mount->options.n);
    mounts[0]->n_options = mount->options.n;
    *ret_n = 1;
    return mounts;
}

int mount_decode(
    Containerd__Types__Mount *const *mounts, size_t n, SnapshotMount *ret, Error *err) {
    if (n != 1)
        return error_set(err, ERROR_UNSUPPORTED, "%zu mounts instead of one: not implemented", n);
    *ret = (SnapshotMount){
        .type = mounts[0]->type,
        .source = mounts[0]->source,
        .options = {mounts[0]->n_options, mounts[0]->options},
    };
    return 0;
}
