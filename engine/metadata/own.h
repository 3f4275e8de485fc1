// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/image/image.h"
#include "engine/metadata/metadata.h"

/* What the engine itself keeps, images and their blobs, in the shape of records: so that
 * containerd's tools can look at the engine's namespace. */
int own_find(Images *images, MetadataKind kind, const char *name, MetadataRecord **ret, Error *err);
void own_list(Images *images, MetadataKind kind, MetadataRecords *records); /* appends */
