// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>

#include "base/error.h"
#include "engine/metadata/record.h"
#include "engine/store/store.h"

/* All records of containerd's services, in memory as in the store. Any thread. Making a record
 * makes its namespace. Errors have containerd's texts, which its clients show. */
typedef struct Metadata Metadata;

#define METADATA_OWN_SPACE "tare" /* the namespace of what the engine itself keeps */

int metadata_open(Store *store, Metadata **ret, Error *err);
void metadata_close(Metadata *metadata);
CLEANUP_DEFINE(Metadata, metadata_close)

/* A reference. ERROR_NOT_FOUND. */
int metadata_find(Metadata *metadata, MetadataKind kind, const char *space, const char *name,
    MetadataRecord **ret, Error *err);
bool metadata_has(Metadata *metadata, MetadataKind kind, const char *space, const char *name);

/* Those of one namespace; space NULL: of all. */
void metadata_list(Metadata *metadata, MetadataKind kind, const char *space, MetadataRecords *ret);

/* Takes the record; times that are not set become now. ERROR_EXISTS. */
int metadata_create(Metadata *metadata, MetadataRecord *record, Error *err);

/* The namespace's own record, if it has none. */
int metadata_make_space(Metadata *metadata, const char *space, Error *err);

/* `change` alters a copy and may refuse; it runs with the lock of all records held. The times of
 * update are set before. *ret may be NULL. ERROR_NOT_FOUND. */
typedef int MetadataChange(MetadataRecord *record, void *user, Error *err);
int metadata_update(Metadata *metadata, MetadataKind kind, const char *space, const char *name,
    MetadataChange *change, void *user, MetadataRecord **ret, Error *err);

/* ERROR_NOT_FOUND. */
int metadata_remove(
    Metadata *metadata, MetadataKind kind, const char *space, const char *name, Error *err);
