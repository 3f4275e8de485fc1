// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/metadata/metadata.h"

/* Leases hold on to resources that nothing else names yet. Resources are "content DIGEST",
 * "snapshots/SNAPSHOTTER KEY", "ingests REF" and "images NAME". */
#define METADATA_SNAPSHOTTER "overlayfs" /* the snapshotter of clients who name none */

/* lease NULL or "": nothing to do. ERROR_NOT_FOUND, ERROR_UNSUPPORTED (type). */
int lease_add(Metadata *metadata, const char *space, const char *lease, const char *type,
    const char *id, Error *err);
int lease_remove(Metadata *metadata, const char *space, const char *lease, const char *type,
    const char *id, Error *err);
