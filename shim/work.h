// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "shim/container.h"

/* What may wait, for the runtime, a mount or a disk, in the shim of a group: it is done for one
 * container after the other by a thread that ends with it, so that the other containers' calls and
 * exits go on. A shim with one container has nobody to spare, and does it at once. */

/* The call, from its handler, in a group; a later run of the handler finds it deferred. Returns
 * TTRPC_PARK. */
int work_defer(Shim *shim, const char *id, TtrpcCall *call, Error *err);

/* Unless the container is gone by then. */
typedef void (*WorkAction)(Container *container);
void work_on(Container *container, WorkAction act);

/* Whether something of it is under way or waits: then its exits wait, too. */
bool work_is_for(const Shim *shim, const char *id);
