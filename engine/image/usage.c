// SPDX-License-Identifier: Apache-2.0
#include "engine/image/usage.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/image/document.h"
#include "engine/image/record.h"
#include "engine/snapshot/named.h"

/* A layer of an image: `image` is the list's index. Sorted by key, equal keys are one layer. */
typedef struct Layer {
    char *key;
    uint64_t bytes;
    size_t image;
} Layer;

typedef struct Layers {
    size_t n;
    Layer *item;
} Layers;

/* From the top layer down; one that has just been removed ends the walk. */
static void add_chain(Snapshots *snapshots, const char *chain, size_t image, Layers *layers) {
    autofree char *key = text_copy(chain);
    while (key) {
        autodone(SnapshotInfo) info = {};
        SnapshotUsage usage = {};
        Error gone;
        if (snapshot_stat(snapshots, key, &info, &gone) < 0 ||
            snapshot_usage(snapshots, key, &usage, &gone) < 0)
            return;
        Layer layer = {key, usage.bytes, image};
        array_append(layers->item, layers->n, layer);
        key = take_ptr(&info.parent);
    }
}

static int compare_layers(const void *a, const void *b) {
    return strcmp(((const Layer *)a)->key, ((const Layer *)b)->key);
}

uint64_t image_content_size(Images *images, const Image *image) {
    autodone(Text) body = {};
    autodone(OciManifest) manifest = {};
    Error gone; /* removed meanwhile */
    if (content_read(images->content, image->manifest, DOCUMENT_MAX, &body, &gone) < 0 ||
        document_decode_manifest(&body, &manifest, &gone) < 0)
        return 0;
    uint64_t size = body.length + manifest.config->size.value;
    const OciDescriptor *layer = manifest.layers.item;
    for (size_t i = 0; i < manifest.layers.n; i++)
        size += layer[i].size.value;
    return size;
}

void image_usage(Images *images, const ImageList *list, ImageUsage *ret) {
    Layers layers = {};
    *ret = (ImageUsage){.shared = new_array(uint64_t, list->n + 1)};
    for (size_t i = 0; i < list->n; i++)
        add_chain(images->snapshots, list->item[i]->chain_id, i, &layers);
    if (layers.n)
        qsort(layers.item, layers.n, sizeof *layers.item, compare_layers);
    for (size_t i = 0; i < layers.n;) {
        size_t end = i + 1;
        while (end < layers.n && text_equal(layers.item[end].key, layers.item[i].key))
            end++;
        ret->total += layers.item[i].bytes;
        for (size_t k = i; end - i > 1 && k < end; k++)
            ret->shared[layers.item[k].image] += layers.item[k].bytes;
        i = end;
    }
    for (size_t i = 0; i < layers.n; i++)
        free(layers.item[i].key);
    free(layers.item);
}

void image_usage_done(ImageUsage *usage) {
    free(usage->shared);
    *usage = (ImageUsage){};
}
