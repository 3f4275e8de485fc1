// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/image/record.h"
#include "engine/registry/reference.h"

/* The moment in which an image comes to be: all its layers and blobs are there. One transaction of
 * image, names and the end of the lease. Private to engine/image; takes Images.mutex. */
typedef struct Registration {
    const char *id;                /* of the config */
    const char *manifest, *chain;  /* chain NULL: no layers */
    const char *parent;            /* id; NULL: none, or the one already known */
    const char *target;            /* NULL: none */
    const JsonTexts *blobs;        /* that are here */
    const char *lease;             /* ends on success, when it has no other user */
    const Reference *const *names; /* each becomes a reference */
    size_t names_n;
} Registration;

/* *ret_newer: a name was new or meant another image. */
int register_image(Images *images, const Registration *registration, bool *ret_newer, Error *err);

/* With the mutex held. */
char *register_encode_reference(const ReferenceRecord *record);

void image_event(Images *images, const char *action, const char *id, const char *name);
