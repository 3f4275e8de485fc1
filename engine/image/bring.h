// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/image/layers.h"
#include "engine/image/platform.h"
#include "engine/image/register.h"

/* From manifest to registered image, wherever the documents come from. Private to engine/image. */
typedef struct Bring {
    Images *images;
    Progress *progress;
    const char *lease;
    bool resumes; /* somebody comes back under this lease's name, also after the engine's end */
    const Platform *platform;
    bool platform_wanted; /* named by the user: another one is refused */
    const char *target;   /* digest that names mean; NULL: none */
    const char *parent;   /* id of the image that it was made from; NULL: none */
    const Reference *const *names;
    size_t names_n;
    LayerFetch *fetch; /* follow is NULL for documents */
    void *user;
    JsonTexts blobs; /* collected on the way */
} Bring;

typedef struct Brought {
    char *id;
    bool newer;
} Brought;

/* The manifest is in the content store. */
int bring_manifest(Bring *bring, const char *digest, const Text *body, Brought *ret, Error *err);

/* Holds the layers by the lease, and makes what is not there. */
int bring_layers(Bring *bring, const OciManifest *manifest, const JsonTexts *diff_ids, Error *err);

/* Keeps a document under the lease and in the content store. */
int bring_document(Bring *bring, const char *digest, const Text *body, Error *err);
