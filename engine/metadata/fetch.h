// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/image/image.h"
#include "engine/metadata/tree.h"
#include "engine/registry/registry.h"
#include "oci/image.h"

/* An image from a registry into a namespace: content with containerd's labels, snapshots of its
 * layers under their chain ids, and the image's record. A lease of its own holds on to what has
 * come, and goes with the fetch. */
#define LABEL_SOURCE "containerd.io/distribution.source." /* + HOST: repositories there */

/* One step. What there is to fetch is a tree: the reference, below it documents, below them blobs,
 * each named as containerd's tools expect ("layer-sha256:…"). */
typedef struct FetchProgress {
    const char *event;               /* "downloading", "complete", "extracted", "saved", … */
    const char *name, *parent;       /* parent NULL: the root, or an image's record */
    const char *media_type, *digest; /* what it is about */
    int64_t done, total;
} FetchProgress;
typedef void FetchListener(void *user, const FetchProgress *progress);

enum {
    FETCH_LEASE_SIZE = 40
};

typedef struct Fetch {
    const Trees *trees;
    Images *images;
    const RegistryConfig *registry;
    const RegistryCredentials *credentials; /* NULL: anonymous */
    const char *space, *reference;
    const OciDescriptor *from; /* NULL: the registry's; else what is in `archive`, a directory */
    int archive;
    const char *name;     /* of the image's record; NULL: it gets none */
    const char *platform; /* that is unpacked: "linux/arm64"; NULL: this machine's */
    bool unpack;
    bool all_platforms; /* their content, too */
    bool all_metadata;  /* at least their manifests and configs */
    const char *lease;  /* the caller's, which holds on to it; NULL: one of its own */
    JsonMap labels;     /* of the image's record */
    FetchListener *listener;
    void *user;
} Fetch;

int fetch_image(const Fetch *fetch, Error *err);

/* An index whose manifests have been fetched under the same lease, which the caller names: a
 * record's target by its own name. */
int fetch_index(const Fetch *fetch, const Text *body, Error *err);

/* The lease of a fetch, or of several; metadata_remove() ends it. */
int fetch_make_lease(const Trees *trees, const char *space, char ret[FETCH_LEASE_SIZE], Error *err);

/* The name becomes, or comes to mean, what the record points at, and has these labels only. */
int image_point(Metadata *metadata, const char *space, const char *name,
    const MetadataRecord *target, const JsonMap *labels, Error *err);
