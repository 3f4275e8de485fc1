// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/text.h"
#include "proto/containerd/types/introspection.pb-c.h"
#include "shim/shim.h"
#include "version.h"

/* -info: what containerd asks before it uses a shim. */
int shim_info(const ShimArguments *arguments, Error *err) {
    Containerd__Types__RuntimeInfo info = CONTAINERD__TYPES__RUNTIME_INFO__INIT;
    Containerd__Types__RuntimeVersion version = CONTAINERD__TYPES__RUNTIME_VERSION__INIT;
    autodone(Text) packed = {};
    version.version = (char *)TARE_VERSION;
    version.revision = (char *)TARE_COMMIT;
    info.name = (char *)"io.containerd.tare.v2";
    info.version = &version;
    text_reserve(&packed, containerd__types__runtime_info__get_packed_size(&info) + 1);
    packed.length = containerd__types__runtime_info__pack(&info, (uint8_t *)packed.data);
    return fd_write_all(STDOUT_FILENO, packed.data, packed.length, err);
}
