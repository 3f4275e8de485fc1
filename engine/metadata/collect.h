// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/content/content.h"
#include "engine/metadata/metadata.h"
#include "engine/snapshot/snapshot.h"

/* Garbage of containerd's clients, by its rules: what no root reaches loses its record, and then
 * engine/image's sweep takes blobs that nobody has a record of.
 *
 *     roots       leases and images that have not expired, containers, what has the label gc.root,
 *                 ingests younger than a day
 *     references  a lease's resources, an image's target, a container's snapshot, a snapshot's
 *                 parent, and labels (engine/metadata/garbage_label.h) */
int metadata_collect(Metadata *metadata, Content *content, Snapshots *snapshots, Error *err);

/* So much has changed since the last collection that another one is due. */
bool metadata_wants_collection(Metadata *metadata);

/* The same, or something has expired. */
bool metadata_collection_is_due(Metadata *metadata);
