// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/image/platform.h"
#include "engine/image/push.h"
#include "oci/image.h"

/* A tree of documents and blobs from the content store to a registry: what is below first, so that
 * the registry never has a manifest without its parts. For engine/image and engine/metadata. */

/* Repositories of the same registry that may have the blob, the likeliest first. */
typedef void SendSources(void *user, const char *digest, JsonTexts *ret);

typedef struct Send {
    Images *images;
    Registry *registry; /* open, and allowed to push */
    SendSources *sources;
    PushListener *listener; /* one call at a time */
    void *user;             /* of both */
} Send;

/* What is named goes up under its digest, and under the tag if there is one. *ret_size is the
 * document's. */
int send_tree(const Send *send, const char *digest, const char *media_type, const char *tag,
    int64_t *ret_size, Error *err);

/* All of what is named, and of what that names, is in the content store. */
bool send_is_whole(Content *content, const char *digest);

/* The manifest for the platform below a document, which may be it itself. ERROR_NOT_FOUND. */
int send_choose(Content *content, const char *digest, const Platform *platform,
    char ret[DIGEST_TEXT_SIZE], Error *err);
