// SPDX-License-Identifier: Apache-2.0
#include "engine/image/history.h"

#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "engine/image/document.h"
#include "engine/image/record.h"

static uint64_t layer_size(Images *images, const OciImage *config, size_t layers) {
    autofree char *chain = document_chain_id(&config->rootfs->diff_ids, layers);
    SnapshotUsage usage = {};
    Error missing; /* removed meanwhile */
    if (chain && snapshot_usage(images->snapshots, chain, &usage, &missing) < 0)
        return 0;
    return usage.bytes;
}

static ImageHistoryRow make_row(const OciHistory *from) {
    ImageHistoryRow row = {
        .created_by = text_copy(from->created_by), .comment = text_copy(from->comment)};
    Error ignored;
    if (from->created && time_parse(from->created, &row.created, &ignored) < 0)
        row.created = 0;
    return row;
}

/* A config may say less, or more, than there are layers. */
static void list_rows(Images *images, const OciImage *config, ImageHistory *ret) {
    const OciHistory *history = config->history.item;
    size_t layers = 0, all = config->rootfs->diff_ids.n;
    for (size_t i = 0; i < config->history.n; i++) {
        ImageHistoryRow row = make_row(&history[i]);
        if (!history[i].empty_layer.value && layers < all)
            row.size = layer_size(images, config, ++layers);
        array_append(ret->row, ret->n, row);
    }
    for (; layers < all; layers++) {
        ImageHistoryRow row = {.size = layer_size(images, config, layers + 1)};
        array_append(ret->row, ret->n, row);
    }
    for (size_t i = 0; i < ret->n / 2; i++) {
        ImageHistoryRow row = ret->row[i];
        ret->row[i] = ret->row[ret->n - 1 - i];
        ret->row[ret->n - 1 - i] = row;
    }
}

static void name_row(const Image *image, ImageHistoryRow *row) {
    row->id = text_copy(image->id);
    for (size_t i = 0; i < image->references.n; i++)
        json_texts_add(&row->references, image->references.item[i]);
}

/* Images made here know what they were made from: a step further back for each of the steps that
 * were added. */
static void name_rows(Images *images, const Image *image, ImageHistory *ret) {
    autofree char *parent = text_copy(image->parent);
    if (ret->n > 0)
        name_row(image, &ret->row[0]);
    for (size_t i = 1; parent && i < ret->n; i++) {
        autoptr(Image) at = NULL;
        Error removed;
        if (image_load(images, parent, &at, &removed) < 0)
            return;
        name_row(at, &ret->row[i]);
        free(parent);
        parent = text_copy(at->parent);
    }
}

int image_history(Images *images, const char *name, char *platform, ImageHistory *ret, Error *err) {
    autoptr(Image) image = NULL;
    TRY(image_load(images, name, &image, err));
    TRY(image_suits(image, &platform, !text_is_empty(platform), err));
    *ret = (ImageHistory){};
    list_rows(images, &image->config, ret);
    name_rows(images, image, ret);
    return 0;
}

void image_history_done(ImageHistory *history) {
    for (size_t i = 0; i < history->n; i++) {
        ImageHistoryRow *row = &history->row[i];
        free(row->id);
        free(row->created_by);
        free(row->comment);
        json_texts_done(&row->references);
    }
    free(history->row);
    *history = (ImageHistory){};
}
