// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/image/archive.h"
#include "engine/metadata/fetch.h"

/* Images of an archive into a namespace, each as fetch_image brings one from a registry. */
typedef struct Import {
    Fetch like;         /* all but registry, reference and name */
    const char *prefix; /* for names that are only a tag; or what whole names must begin with */
    bool any_name;      /* whole names need not begin so */
    bool digests, unless_named; /* "PREFIX@DIGEST" too; only for those without a name */
    const char *index_name;     /* of the archive's own index; NULL or "": none */
    ImageReader *reader;
    void *user;
} Import;

/* ERROR_NOT_FOUND: no image in it has a name by these rules. */
int import_images(const Import *import, Error *err);
