// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <pthread.h>
#include <stdint.h>

#include "base/json.h"
#include "engine/image/flight.h"
#include "engine/image/image.h"

/* What engine/image remembers: images by id, references by canonical name, leases by what is being
 * brought in. In memory as in the store; Images.mutex guards the lists, is held over store writes
 * and never over other I/O, and no function of engine/snapshot is called with it held. Private to
 * engine/image. */
typedef struct ImageRecord {
    char *manifest;      /* digest */
    char *chain;         /* NULL: no layers */
    char *parent;        /* id of the image that it was made from here; NULL: none */
    JsonUint size;       /* unpacked bytes */
    JsonInt added, used; /* used: to the minute */
    JsonTexts blobs;     /* all it needs, to be kept */
    char *id;            /* the store's key, not in the JSON */
} ImageRecord;

typedef struct ReferenceRecord {
    char *image;  /* id */
    char *target; /* digest that the registry gave for the name; NULL: loaded or tagged here */
    JsonInt added;
    JsonTexts blobs;
    char *name; /* the store's key, canonical */
} ReferenceRecord;

/* Keeps blobs and layers from being swept before a record needs them. A lease whose pull failed or
 * died stays for a day: the next pull goes on with what is there. */
typedef struct LeaseRecord {
    JsonInt added;
    JsonTexts blobs, chains;
    char *name;     /* the store's key */
    unsigned users; /* pulls under way */
} LeaseRecord;

extern const JsonType image_record_type, reference_record_type, lease_record_type;

struct Images {
    char *root;
    Store *store;
    Snapshots *snapshots;
    Events *events;
    Content *content;
    const RegistryConfig *registry;
    char *unpack_program, *pack_program;
    ImageUser *in_use;
    void *in_use_data;
    ImageBlobKeeper *keeper;
    void *keeper_data;

    Flights flights;
    Gate downloads, uploads, follows, unpacks;
    unsigned uploads_max;

    pthread_mutex_t mutex;
    ImageRecord **image;
    size_t images;
    ReferenceRecord **reference;
    size_t references;
    LeaseRecord **lease;
    size_t leases;
};

int records_load(Images *images, Error *err);
void records_done(Images *images);

/* With the mutex held; NULL when there is none. */
ImageRecord *record_find_image(const Images *images, const char *id);
ReferenceRecord *record_find_reference(const Images *images, const char *name);
LeaseRecord *record_find_lease(const Images *images, const char *name);

void image_record_free(ImageRecord *record);
void reference_record_free(ReferenceRecord *record);
void lease_record_free(LeaseRecord *record);
CLEANUP_DEFINE(ImageRecord, image_record_free)
CLEANUP_DEFINE(ReferenceRecord, reference_record_free)
CLEANUP_DEFINE(LeaseRecord, lease_record_free)

/* With the mutex held: takes a record into memory in place of an equally named one, or drops it. */
void record_keep_image(Images *images, ImageRecord *record);
void record_keep_reference(Images *images, ReferenceRecord *record);
void record_keep_lease(Images *images, LeaseRecord *record);
void record_drop_image(Images *images, const char *id);
void record_drop_reference(Images *images, const char *name);
void record_drop_lease(Images *images, const char *name);

void texts_sort(JsonTexts *texts);
bool texts_have(const JsonTexts *texts, const char *text);
