// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/image/platform.h"
#include "oci/image.h"

/* Manifests, indexes and configs: what a document is, and whether it may be believed (rule L,
 * docs/security.md). For engine/image and engine/metadata. */
typedef enum DocumentKind {
    DOCUMENT_INDEX,
    DOCUMENT_MANIFEST
} DocumentKind;

/* media_type: from outside (Content-Type, descriptor), NULL or generic = unknown. A document that
 * can be read in two ways, or that calls itself something else, is ERROR_CORRUPT. */
int document_classify(const char *media_type, const Text *body, DocumentKind *ret, Error *err);

/* What it calls itself, or else is in OCI's words. New string. */
char *document_media_type(const Text *body, DocumentKind kind);

int document_decode_index(const Text *body, OciIndex *ret, Error *err);

/* Layers are tars that we can unpack, descriptors sound. ERROR_UNSUPPORTED, ERROR_CORRUPT. */
int document_decode_manifest(const Text *body, OciManifest *ret, Error *err);

/* Of any content (image-spec, "artifacts"): only that descriptors are sound. The other two say
 * whether it is an image, and check the rest of one. */
int document_decode_any(const Text *body, OciManifest *ret, Error *err);
bool document_is_image(const OciManifest *manifest);
int document_check_image(const OciManifest *manifest, Error *err);

/* config and rootfs are never NULL; one diff id for each of `layers`. */
int document_decode_config(const Text *body, size_t layers, OciImage *ret, Error *err);

int document_check_descriptor(const OciDescriptor *descriptor, uint64_t limit, Error *err);

/* Chain id of the first n diff ids (OCI image-spec, config.md "Layer ChainID"); the caller's. */
char *document_chain_id(const JsonTexts *diff_ids, size_t n);

enum {
    DOCUMENT_MAX = 4 << 20,
    DOCUMENT_CONFIG_MAX = 8 << 20,
    DOCUMENT_LAYERS_MAX = 500
};
