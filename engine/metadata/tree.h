// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/metadata/metadata.h"
#include "engine/snapshot/named.h"

/* Snapshots as a namespace sees them: by names that are its own. The engine's namespace shows, too,
 * what images and containers stand on; those can be built upon, but not changed. Errors as in
 * engine/snapshot/named.h. */
typedef struct Trees {
    Metadata *metadata;
    Snapshots *snapshots;
    const char *snapshotter; /* of those that there are: METADATA_SNAPSHOTTER, … */
} Trees;

/* like->key and like->parent are names; lease NULL: none. */
int tree_make(
    const Trees *trees, const char *space, const char *lease, const SnapshotInfo *like, Error *err);
int tree_commit(const Trees *trees, const char *space, const char *lease, const char *active,
    const SnapshotInfo *like, Error *err); /* like: key and labels */
int tree_mounts(
    const Trees *trees, const char *space, const char *name, SnapshotMount *ret, Error *err);
int tree_stat(
    const Trees *trees, const char *space, const char *name, SnapshotInfo *ret, Error *err);
int tree_label(
    const Trees *trees, const char *space, const char *name, const JsonMap *labels, Error *err);
int tree_usage(
    const Trees *trees, const char *space, const char *name, SnapshotUsage *ret, Error *err);
int tree_remove(const Trees *trees, const char *space, const char *name, Error *err);
void tree_list(const Trees *trees, const char *space, SnapshotInfos *ret);
