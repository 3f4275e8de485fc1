// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/image/image.h"
#include "engine/layer/pack.h"

/* An image that is made here: a parent's layers and one more. The layer is written to the content
 * store as it comes, and unpacked from there as one from a registry is: what the image says is what
 * its containers will see. */
typedef struct ImageMake {
    const char *parent;     /* id; NULL: none */
    const char *name;       /* a reference; NULL or "": none */
    LayerPack layer;        /* program, compression and write are filled in here */
    OciImageConfig *config; /* taken */
    const char *author, *comment, *created_by;
    const char *platform; /* of an image without parent; NULL: this machine's */
    /* Asked when the layer is written: negative, err filled, if it is not to be trusted. NULL: no
     * question. */
    int (*confirm)(void *user, Error *err);
    void *confirm_user;
} ImageMake;

/* ERROR_NOT_FOUND: the parent has been removed. ERROR_INVALID: a name that is none. */
int image_make(Images *images, ImageMake *make, char **ret_id, Error *err);
