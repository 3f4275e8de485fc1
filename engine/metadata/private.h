// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <pthread.h>

#include "engine/metadata/metadata.h"

/* The records from inside; private to engine/metadata. */
struct Metadata {
    Store *store;
    pthread_mutex_t mutex;   /* guards what follows; held over store writes, never over other I/O */
    MetadataRecord **record; /* sorted by key */
    size_t n;
    uint64_t changes; /* since the last collection */
};

/* With the mutex held: the record, which is there, goes. */
int metadata_drop_locked(Metadata *metadata, const char *key, Error *err);
