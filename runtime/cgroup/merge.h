// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "oci/runtime_resources.h"

/* What `update` asks for, laid over the limits that a container has, by the reference runtime's
 * rules: most values stay when they are not given; cpuset, burst, idle, pids and unified are
 * replaced as a whole; of quota and period each is kept when only the other is given. */
void resources_merge(OciResources *into, const OciResources *change);
