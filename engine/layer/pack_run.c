// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "engine/layer/pack.h"
#include "engine/layer/talk.h"

/* The engine's side of tare-pack. */
typedef struct Packing {
    const LayerPack *pack;
    LayerPacked packed;
} Packing;

static int take_change(const LayerPack *pack, TalkFrame *frame, Error *err) {
    char kind = frame->text[0];
    if (!pack->change || strlen(frame->text) != frame->length || !strchr("ACD", kind) || !kind)
        return talk_garbled(err);
    frame->text[0] = '/';
    return pack->change(pack->user, kind, frame->text, err);
}

static int take_done(Packing *packing, TalkFrame *frame, Error *err) {
    LayerDone *done = &frame->done;
    if (frame->length != sizeof(*done))
        return talk_garbled(err);
    done->diff_id[sizeof(done->diff_id) - 1] = '\0';
    if (packing->pack->mode != PACK_LIST && digest_check(done->diff_id, err) < 0)
        return talk_garbled(err);
    packing->packed = (LayerPacked){.tar_size = done->tar_size, .entries = done->inodes};
    memcpy(packing->packed.diff_id, done->diff_id, sizeof(done->diff_id));
    return 1;
}

static int take(void *user, TalkFrame *frame, Error *err) {
    Packing *packing = user;
    const LayerPack *pack = packing->pack;
    if (frame->type == LAYER_DATA && pack->write)
        return pack->write(pack->user, frame->text, frame->length, err);
    if (frame->type == LAYER_CHANGE)
        return take_change(pack, frame, err);
    return frame->type == LAYER_DONE ? take_done(packing, frame, err) : talk_garbled(err);
}

/* Paths go without their slash, as the trees have them. */
static const char **make_arguments(const LayerPack *pack, char upper[24], char lower[24]) {
    const char **argv = new_array(const char *, pack->left_out_n + 6);
    size_t n = 0;
    snprintf(upper, 24, "%zu", pack->upper_n);
    snprintf(lower, 24, "%zu", pack->lower_n);
    argv[n++] = pack->program;
    argv[n++] = pack_mode_name(pack->mode);
    argv[n++] = compression_name(pack->compression);
    argv[n++] = upper;
    argv[n++] = lower;
    for (size_t i = 0; i < pack->left_out_n; i++)
        argv[n++] = pack->left_out[i] + strspn(pack->left_out[i], "/");
    return argv;
}

int layer_pack(const LayerPack *pack, LayerPacked *ret, Error *err) {
    char upper[24], lower[24];
    size_t n = pack->upper_n + pack->lower_n;
    if (n > PACK_TREES_MAX)
        return error_set(err, ERROR_EXHAUSTED, "more than %d layers", PACK_TREES_MAX);
    autofree const char **argv = make_arguments(pack, upper, lower);
    autofree int *trees = new_array(int, n + 1);
    for (size_t i = 0; i < n; i++)
        trees[i] = i < pack->upper_n ? pack->upper[i] : pack->lower[i - pack->upper_n];
    Packing packing = {.pack = pack};
    const Talk with = {
        .argv = argv,
        .input = pack->mode == PACK_COPY ? pack->input : -1,
        .more = trees,
        .more_n = n,
        .take = take,
        .user = &packing,
    };
    TRY(talk(&with, err));
    *ret = packing.packed;
    return 0;
}
