// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sys/types.h>

#include "oci/runtime.h"

/* linux.netDevices: interfaces of the host that go into the container's network namespace, with the
 * addresses that somebody gave them for good. When that namespace ends the kernel takes physical
 * ones back and drops the others (config-linux.md#network-devices). */

int network_devices_check(const OciLinux *config, bool has_namespace, Error *err);

/* In the runtime. namespace: the container's network namespace. */
int network_devices_move(const JsonObjectMap *devices, int namespace, Error *err);
