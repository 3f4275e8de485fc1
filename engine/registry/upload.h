// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/registry/registry.h"

/* The way up: blobs, then the manifests that name them. Uploads go to the registry itself, or to
 * the first host that its configuration lets take them; never to a plain mirror. */

/* Before the first request: the session wants to write, and to mount what is in these
 * repositories. */
void registry_allow_push(Registry *registry, const JsonTexts *from);

typedef struct RegistryUpload {
    const char *digest;
    int fd; /* the whole blob; may be -1: what is not there already cannot be sent */
    uint64_t size;
    const JsonTexts *from; /* repositories that may have it, the likeliest first; NULL: none */
    RegistryProgress *progress;
    void *user;
} RegistryUpload;

typedef enum RegistryUploaded {
    REGISTRY_EXISTED,
    REGISTRY_MOUNTED,
    REGISTRY_PUSHED
} RegistryUploaded;

/* ret_from: an index into `from`, when mounted. ERROR_DENIED has the registry's own words.
 * ERROR_NOT_FOUND: neither there nor here. */
int registry_put_blob(Registry *registry, const RegistryUpload *upload, RegistryUploaded *ret,
    size_t *ret_from, Error *err);

/* `name`: a tag, or the digest of body. A manifest with a subject is listed among what refers to
 * it. */
int registry_put_manifest(
    Registry *registry, const char *name, const char *media_type, const Text *body, Error *err);
