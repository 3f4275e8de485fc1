// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "engine/content/content.h"
#include "engine/event/event.h"
#include "engine/registry/registry.h"
#include "engine/snapshot/snapshot.h"
#include "engine/store/store.h"
#include "oci/image.h"

/* Images: references, pull, load, list, remove. All calls block and may come from any thread.
 * An image exists when its record does, and then all its layers are unpacked. Its id is the digest
 * of its config. Names are what users write: "busybox", "host:5000/a/b:tag", "name@sha256:…", an id
 * or an unambiguous prefix of one. */
typedef struct Images Images;

/* Does a container use this image? Asked with no lock held. Fills the container's id. */
typedef enum ImageUse {
    IMAGE_UNUSED,
    IMAGE_USED,
    IMAGE_RUNNING
} ImageUse;
typedef ImageUse ImageUser(void *user, const char *image_id, char ret_container[65]);

/* Has somebody else a record of this blob? Asked with the lock of images held. */
typedef bool ImageBlobKeeper(void *user, const char *digest);

/* Takes the next piece of an archive. */
typedef int ImageWriter(void *user, const void *data, size_t n, Error *err);

/* Everything is borrowed for the life of Images; events and registry may be NULL. */
typedef struct ImagesOptions {
    const char *root; /* ROOT: content/ is below it */
    Store *store;
    Snapshots *snapshots;
    Events *events;
    const RegistryConfig *registry;
    ImageBlobKeeper *keeper; /* of blobs that images do not need; NULL: none */
    void *keeper_data;
    const char *unpack_program; /* NULL: tare-unpack beside tared, ../libexec/tare, $PATH */
    unsigned max_downloads;     /* 0: 3, as Docker */
    unsigned max_uploads;       /* 0: 5, as Docker */
} ImagesOptions;

/* Recovers: adopts what interrupted pulls left, sweeps what no record can reach. */
int images_open(const ImagesOptions *options, Images **ret, Error *err);
void images_close(Images *images);
CLEANUP_DEFINE(Images, images_close)
void images_set_user(Images *images, ImageUser *in_use, void *user);

Content *images_content(Images *images); /* borrowed */
const char *images_unpack_program(const Images *images);
const char *images_pack_program(const Images *images); /* tare-pack */
bool images_hold_blob(Images *images, const char *digest);
void images_list_blobs(Images *images, JsonTexts *ret); /* those that images need, each once */

typedef struct Image {
    char *id;                /* "sha256:…" of the config */
    char *manifest;          /* digest */
    char *chain_id;          /* the parent for snapshot_prepare; NULL: no layers */
    char *parent;            /* id of the image that it was made from here; NULL: none */
    JsonTexts references;    /* familiar names with tags: "busybox:latest" */
    JsonTexts digests;       /* "busybox@sha256:…" */
    uint64_t size;           /* unpacked bytes of all layers */
    int64_t created, tagged; /* ns; 0: unknown */
    OciImage config;         /* decoded; config.config and config.rootfs are never NULL */
} Image;

/* ERROR_NOT_FOUND with reason IMAGE_NOT_FOUND: "No such image: busybox:latest". */
int image_load(Images *images, const char *name, Image **ret, Error *err);
void image_free(Image *image);

/* "linux/arm64": one of these must be the image's; none: any will do. ERROR_NOT_FOUND. */
int image_suits(const Image *image, char *const *platforms, size_t n, Error *err);
CLEANUP_DEFINE(Image, image_free)

/* It is about to be used: makes its layers if this storage driver has none of them. */
int image_unpack(Images *images, const Image *image, Error *err);

/* filters: "dangling=true", "reference=PATTERN", "label=K[=V]", "before=…", "since=…". */
typedef struct ImageFilter {
    const char *reference; /* NULL or "" = all; "name" or "name:tag" */
    JsonTexts filters;
} ImageFilter;
typedef struct ImageList {
    size_t n;
    Image **item; /* newest first */
} ImageList;
int image_list(Images *images, const ImageFilter *filter, ImageList *ret, Error *err);
void image_list_done(ImageList *list);
CLEANUP_DEFINE_DONE(ImageList, image_list_done)

int image_tag(Images *images, const char *source, const char *target, Error *err);

typedef struct ImageRemove {
    const char *name;
    bool force, no_prune;
} ImageRemove;
typedef struct ImageRemoval {
    JsonTexts untagged, deleted;
} ImageRemoval;
int image_remove(Images *images, const ImageRemove *remove, ImageRemoval *ret, Error *err);
/* After a container is gone: removes layers that only it needed (its image was removed before). */
int images_sweep(Images *images, Error *err);
/* What a pull that failed left is kept for a day. */
int images_forget(Images *images, Error *err);

void image_removal_done(ImageRemoval *removal);
CLEANUP_DEFINE_DONE(ImageRemoval, image_removal_done)
