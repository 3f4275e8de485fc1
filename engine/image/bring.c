// SPDX-License-Identifier: Apache-2.0
#include "engine/image/bring.h"

#include <stdlib.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/image/document.h"
#include "engine/image/lease.h"

static void want_blob(Bring *bring, const char *digest) {
    lease_add_blob(bring->images, bring->lease, digest);
    if (!texts_have(&bring->blobs, digest))
        json_texts_add(&bring->blobs, digest);
}

int bring_document(Bring *bring, const char *digest, const Text *body, Error *err) {
    want_blob(bring, digest);
    return content_put(bring->images->content, body->data, body->length, digest, err);
}

static int bring_config(Bring *bring, const OciManifest *manifest, OciImage *ret, Error *err) {
    const OciDescriptor *descriptor = manifest->config;
    Content *content = bring->images->content;
    autodone(Text) body = {};
    want_blob(bring, descriptor->digest);
    if (!content_has(content, descriptor->digest) && bring->fetch)
        TRY(bring->fetch(bring->user, descriptor, NULL, err));
    TRY(content_read(content, descriptor->digest, DOCUMENT_CONFIG_MAX, &body, err));
    return document_decode_config(&body, manifest->layers.n, ret, err);
}

static int check_platform(const Bring *bring, const OciImage *image, Error *err) {
    const Reference *reference = bring->names_n ? bring->names[0] : NULL;
    if (!text_is_empty(image->os) && !text_equal(image->os, "linux"))
        return error_set(err, ERROR_UNSUPPORTED,
            "image operating system \"%.50s\" cannot be used"
            " on this platform",
            image->os);
    if (!bring->platform_wanted)
        return 0;
    autofree char *name = reference ? reference_familiar(reference) : NULL;
    return platform_check(bring->platform, name, image, err);
}

int bring_layers(Bring *bring, const OciManifest *manifest, const JsonTexts *diff_ids, Error *err) {
    const OciDescriptor *layer = manifest->layers.item;
    for (size_t i = 0; i < manifest->layers.n; i++) {
        autofree char *chain = document_chain_id(diff_ids, i + 1);
        lease_add_blob(bring->images, bring->lease, layer[i].digest);
        lease_add_chain(bring->images, bring->lease, chain);
    }
    if (bring->resumes)
        TRY(lease_save(bring->images, bring->lease, err));
    Layers layers = {
        .images = bring->images,
        .progress = bring->progress,
        .lease = bring->lease,
        .item = layer,
        .n = manifest->layers.n,
        .diff_ids = diff_ids,
        .fetch = bring->fetch,
        .user = bring->user,
    };
    return layers_bring(&layers, err);
}

static void list_layer_blobs(Bring *bring, const OciManifest *manifest) {
    const OciDescriptor *layer = manifest->layers.item;
    for (size_t i = 0; i < manifest->layers.n; i++)
        if (!texts_have(&bring->blobs, layer[i].digest))
            json_texts_add(&bring->blobs, layer[i].digest);
}

/* An image with this config is here with its trees, and has these very blobs. */
static bool is_whole(Bring *bring, const OciManifest *manifest, const char *chain) {
    Images *images = bring->images;
    const OciDescriptor *layer = manifest->layers.item;
    pthread_mutex_lock(&images->mutex);
    bool known = record_find_image(images, manifest->config->digest);
    pthread_mutex_unlock(&images->mutex);
    known = known && (!chain || snapshot_exists(images->snapshots, chain));
    for (size_t i = 0; known && i < manifest->layers.n; i++) {
        lease_add_blob(images, bring->lease, layer[i].digest);
        known = content_has(images->content, layer[i].digest);
    }
    return known;
}

int bring_manifest(Bring *bring, const char *digest, const Text *body, Brought *ret, Error *err) {
    autodone(OciManifest) manifest = {};
    autodone(OciImage) image = {};
    TRY(document_decode_manifest(body, &manifest, err));
    TRY(bring_config(bring, &manifest, &image, err));
    TRY(check_platform(bring, &image, err));
    const JsonTexts *diff_ids = &image.rootfs->diff_ids;
    autofree char *chain = document_chain_id(diff_ids, diff_ids->n);
    if (chain)
        lease_add_chain(bring->images, bring->lease, chain);
    if (!is_whole(bring, &manifest, chain))
        TRY(bring_layers(bring, &manifest, diff_ids, err));
    list_layer_blobs(bring, &manifest);
    Registration registration = {
        .id = manifest.config->digest,
        .manifest = digest,
        .chain = chain,
        .target = bring->target,
        .parent = bring->parent,
        .blobs = &bring->blobs,
        .lease = bring->lease,
        .names = bring->names,
        .names_n = bring->names_n,
    };
    TRY(register_image(bring->images, &registration, &ret->newer, err));
    ret->id = text_copy(manifest.config->digest);
    return 0;
}
