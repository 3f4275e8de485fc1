// SPDX-License-Identifier: Apache-2.0
#include "engine/image/unpack.h"

#include <stdlib.h>

#include "base/text.h"
#include "engine/image/bring.h"
#include "engine/image/document.h"
#include "engine/image/lease.h"
#include "engine/image/reclaim.h"

static int read_documents(
    Images *images, const char *manifest_digest, OciManifest *manifest, OciImage *ret, Error *err) {
    autodone(Text) body = {};
    TRY(content_read(images->content, manifest_digest, DOCUMENT_MAX, &body, err));
    TRY(document_decode_manifest(&body, manifest, err));
    autodone(Text) config = {};
    TRY(content_read(images->content, manifest->config->digest, DOCUMENT_CONFIG_MAX, &config, err));
    return document_decode_config(&config, manifest->layers.n, ret, err);
}

bool unpack_is_possible(Images *images, const char *manifest_digest) {
    autodone(OciManifest) manifest = {};
    autodone(OciImage) config = {};
    Error why;
    if (read_documents(images, manifest_digest, &manifest, &config, &why) < 0)
        return false;
    const OciDescriptor *layer = manifest.layers.item;
    for (size_t i = 0; i < manifest.layers.n; i++)
        if (!content_has(images->content, layer[i].digest))
            return false;
    return true;
}

static int unpack(Images *images, const char *manifest_digest, const char *lease, Error *err) {
    autodone(OciManifest) manifest = {};
    autodone(OciImage) config = {};
    Progress progress;
    TRY(read_documents(images, manifest_digest, &manifest, &config, err));
    progress_init(&progress, NULL, NULL);
    Bring bring = {.images = images, .progress = &progress, .lease = lease};
    int code = bring_layers(&bring, &manifest, &config.rootfs->diff_ids, err);
    progress_done(&progress);
    return code;
}

int image_unpack(Images *images, const Image *image, Error *err) {
    image_touch(images, image->id);
    if (!image->chain_id || snapshot_exists(images->snapshots, image->chain_id))
        return 0;
    autofree char *lease = text_format("unpack:%s", image->id);
    lease_begin(images, lease);
    int code = unpack(images, image->manifest, lease, err);
    lease_abandon(images, lease); /* the image's own record holds it all */
    return code < 0 ? error_prefix(err, "image %s", image->id) : 0;
}
