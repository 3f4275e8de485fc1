// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "runtime/container/container.h"

/* Changes the limits of a container that lives, and remembers them in its configuration. When the
 * kernel refuses one, all are as before. */
int container_update(Container *container, const OciResources *change, Error *err);

/* linux.intelRdt: new schemas; NULL stays as it is. */
int container_update_schemata(
    const Container *container, const char *l3_cache, const char *bandwidth, Error *err);
