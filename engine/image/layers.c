// SPDX-License-Identifier: Apache-2.0
#include "engine/image/layers.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "engine/crew/crew.h"
#include "engine/image/document.h"
#include "engine/layer/layer.h"

/* Threads take layers from the bottom up and each stays with its layer to the end:
 *
 *     flight "layer"    nobody else makes this chain id, until it is committed
 *       flight "blob"     nobody else downloads it
 *         gate follows      the memory for a layer that is unpacked as it comes
 *           gate downloads    the network, a few at a time
 *       gate unpacks      the processor, for a blob that was here before
 *       wait              until the layer below is committed
 *       commit
 *
 * Waiting always looks downwards, and the bottom one waits for nobody: no deadlock, also between
 * pulls that share layers. */
enum {
    THREADS_MAX = 8
};
#define REPORT_EVERY (100 * TIME_MILLISECOND)

typedef struct Work {
    const Layers *layers;
    char **chain;          /* ids */
    bool *existed;         /* before we came */
    pthread_mutex_t mutex; /* guards all below */
    pthread_cond_t changed;
    size_t committed; /* layers below `committed` are snapshots */
    Error error;      /* the first; code 0: none */
} Work;

/* One layer's reports, at most a few a second. */
typedef struct Report {
    Progress *progress;
    ImagePhase phase;
    const OciDescriptor *layer;
    int64_t last;
} Report;

static int report(void *user, uint64_t current) {
    Report *self = user;
    int64_t now = time_monotonic();
    if (progress_stopped(self->progress))
        return -1;
    if (now - self->last < REPORT_EVERY)
        return 0;
    self->last = now;
    return progress_layer(self->progress, self->phase, self->layer->digest, (int64_t)current,
        (int64_t)self->layer->size.value);
}

static void tell(
    const Layers *layers, ImagePhase phase, const OciDescriptor *layer, uint64_t current) {
    progress_layer(
        layers->progress, phase, layer->digest, (int64_t)current, (int64_t)layer->size.value);
}

/* One layer on its way into a tree, or only its blob. */
typedef struct Filling {
    const Layers *layers;
    const OciDescriptor *layer;
    SnapshotLayer *tree; /* NULL: the layer is unpacked already */
    LayerUnpack job;
    LayerResult *result;
} Filling;

static int say_which(const Filling *filling, int code, Error *err) {
    return code < 0 && code != ERROR_CANCELLED
               ? error_prefix(err, "layer %s", filling->layer->digest)
               : code;
}

static int fetch_gated(const Filling *filling, Follow *follow, Error *err) {
    const Layers *layers = filling->layers;
    Images *images = layers->images;
    TRY(gate_enter(&images->flights, &images->downloads, progress_stopped, layers->progress, err));
    int code = layers->fetch(layers->user, filling->layer, follow, err);
    gate_leave(&images->flights, &images->downloads);
    return code;
}

/* Returns 1 when the layer was unpacked on the way. The network is another layer's as soon as this
 * one is here: its unpacking goes on for long. */
static int follow_download(Filling *filling, Error *err) {
    const Layers *layers = filling->layers;
    Error unpacking = {};
    Follow follow;
    follow_init(&follow, &filling->job);
    int code = fetch_gated(filling, &follow, err);
    if (code == 0)
        tell(layers, IMAGE_DOWNLOADED, filling->layer, filling->layer->size.value);
    int filled = follow_end(&follow, code == 0, filling->result, &unpacking);
    TRY(code);
    if (filled < 0) {
        *err = unpacking;
        return say_which(filling, filled, err);
    }
    if (follow.lost) {
        snapshot_layer_abandon(layers->images->snapshots, filling->tree);
        TRY(snapshot_layer_begin(layers->images->snapshots, filling->tree, err));
        filling->job.tree = filling->tree->fd;
    }
    return filled;
}

static int download(Filling *filling, Error *err) {
    const Layers *layers = filling->layers;
    Images *images = layers->images;
    if (content_has(images->content, filling->layer->digest))
        return 0;
    if (!layers->fetch)
        return error_set(err, ERROR_NOT_FOUND, "layer %s is missing", filling->layer->digest);
    if (!filling->tree)
        return fetch_gated(filling, NULL, err);
    TRY(gate_enter(&images->flights, &images->follows, progress_stopped, layers->progress, err));
    int code = follow_download(filling, err);
    gate_leave(&images->flights, &images->follows);
    return code;
}

static int bring_blob(Filling *filling, Error *err) {
    Flights *flights = &filling->layers->images->flights;
    autofree char *key = text_format("blob:%s", filling->layer->digest);
    TRY(flight_begin(flights, key, progress_stopped, filling->layers->progress, err));
    int code = download(filling, err);
    flight_end(flights, key);
    return code;
}

static int unpack_gated(Filling *filling, Error *err) {
    autoclose int blob = -1;
    uint64_t size;
    TRY(content_open_blob(
        filling->layers->images->content, filling->layer->digest, &blob, &size, err));
    filling->job.blob = blob;
    return say_which(filling, layer_unpack(&filling->job, filling->result, err), err);
}

static int unpack(Filling *filling, Error *err) {
    const Layers *layers = filling->layers;
    Images *images = layers->images;
    TRY(gate_enter(&images->flights, &images->unpacks, progress_stopped, layers->progress, err));
    int code = unpack_gated(filling, err);
    gate_leave(&images->flights, &images->unpacks);
    return code;
}

static int fill(
    const Layers *layers, size_t index, SnapshotLayer *tree, LayerResult *ret, Error *err) {
    const OciDescriptor *layer = &layers->item[index];
    Report extracting = {layers->progress, IMAGE_EXTRACTING, layer, 0};
    Filling filling = {
        .layers = layers,
        .layer = layer,
        .tree = tree,
        .job =
            {
                .program = layers->images->unpack_program,
                .tree = tree->fd,
                .diff_id = layers->diff_ids->item[index],
                .progress = report,
                .user = &extracting,
            },
        .result = ret,
    };
    int filled = bring_blob(&filling, err);
    return filled == 0 ? unpack(&filling, err) : filled;
}

static int wait_for_parent(Work *work, size_t index, Error *err) {
    pthread_mutex_lock(&work->mutex);
    while (work->committed < index && work->error.code == 0)
        pthread_cond_wait(&work->changed, &work->mutex);
    bool ready = work->committed >= index;
    pthread_mutex_unlock(&work->mutex);
    return ready ? 0 : error_set(err, ERROR_CANCELLED, "cancelled");
}

/* The layers below are complete: what needs them, and the marks that need our rights. */
static int finish(
    Work *work, size_t index, const SnapshotLayer *tree, const LayerResult *result, Error *err) {
    Snapshots *snapshots = work->layers->images->snapshots;
    int *parents = NULL;
    size_t n = 0;
    if (index > 0 && result->implicit.n > 0)
        TRY(snapshot_open_trees(snapshots, work->chain[index - 1], &parents, &n, err));
    int code = layer_finish(tree->fd, result, parents, n, err);
    while (n > 0)
        close(parents[--n]);
    free(parents);
    return code;
}

static int fill_and_commit(Work *work, size_t index, SnapshotLayer *tree, Error *err) {
    autodone(LayerResult) result = {};
    TRY(fill(work->layers, index, tree, &result, err));
    TRY(wait_for_parent(work, index, err));
    TRY(finish(work, index, tree, &result, err));
    return snapshot_layer_commit(work->layers->images->snapshots, tree, work->chain[index],
        index > 0 ? work->chain[index - 1] : NULL, (SnapshotUsage){result.bytes, result.inodes},
        err);
}

/* The same tree may have come with another blob, or its blob went with an image of which only a
 * container is left. An image has its blobs: push and save send them as they are. */
static int keep_layer(Work *work, size_t index, Error *err) {
    const Layers *layers = work->layers;
    const OciDescriptor *layer = &layers->item[index];
    bool fetched = !content_has(layers->images->content, layer->digest);
    if (fetched)
        TRY(bring_blob(&(Filling){.layers = layers, .layer = layer}, err));
    if (!work->existed[index])
        tell(layers, fetched ? IMAGE_COMPLETE : IMAGE_LAYER_EXISTS, layer, 0);
    return 0;
}

static int bring_layer(Work *work, size_t index, Error *err) {
    const Layers *layers = work->layers;
    Snapshots *snapshots = layers->images->snapshots;
    const OciDescriptor *layer = &layers->item[index];
    if (snapshot_exists(snapshots, work->chain[index]))
        return keep_layer(work, index, err);
    SnapshotLayer tree;
    TRY(snapshot_layer_begin(snapshots, &tree, err));
    int code = fill_and_commit(work, index, &tree, err);
    snapshot_layer_abandon(snapshots, &tree); /* nothing once committed */
    TRY(code);
    tell(layers, IMAGE_COMPLETE, layer, layer->size.value);
    return 0;
}

static int bring_alone(Work *work, size_t index, Error *err) {
    const Layers *layers = work->layers;
    Flights *flights = &layers->images->flights;
    autofree char *key = text_format("layer:%s", work->chain[index]);
    TRY(flight_begin(flights, key, progress_stopped, layers->progress, err));
    int code = bring_layer(work, index, err);
    flight_end(flights, key);
    return code < 0 ? code : wait_for_parent(work, index, err);
}

/* A failure stops the others; they then fail with "cancelled", which is not the first. */
static void record_result(Work *work, size_t index, int code, const Error *error) {
    pthread_mutex_lock(&work->mutex);
    if (code == 0) {
        work->committed = index + 1;
    } else if (work->error.code == 0) {
        work->error = *error;
        progress_stop(work->layers->progress);
    }
    pthread_cond_broadcast(&work->changed);
    pthread_mutex_unlock(&work->mutex);
}

static bool run(void *user, size_t index) {
    Work *work = user;
    Error error = {};
    int code = bring_alone(work, index, &error);
    record_result(work, index, code, &error);
    return code == 0;
}

/* All layers in their order, before any of them moves: a display can show them so. */
static void announce(Work *work) {
    const Layers *layers = work->layers;
    for (size_t i = 0; i < layers->n; i++) {
        work->existed[i] = snapshot_exists(layers->images->snapshots, work->chain[i]) &&
                           content_has(layers->images->content, layers->item[i].digest);
        tell(layers, work->existed[i] ? IMAGE_LAYER_EXISTS : IMAGE_WAITING, &layers->item[i], 0);
    }
}

int layers_bring(const Layers *layers, Error *err) {
    Work work = {.layers = layers};
    pthread_mutex_init(&work.mutex, NULL);
    pthread_cond_init(&work.changed, NULL);
    work.chain = new_array(char *, layers->n + 1);
    for (size_t i = 0; i < layers->n; i++)
        work.chain[i] = document_chain_id(layers->diff_ids, i + 1);
    work.existed = new_array(bool, layers->n + 1);
    announce(&work);
    crew_run(&(Crew){layers->n, THREADS_MAX, run, &work});
    free(work.existed);
    texts_free(work.chain);
    pthread_cond_destroy(&work.changed);
    pthread_mutex_destroy(&work.mutex);
    if (work.error.code < 0) {
        *err = work.error;
        return err->code;
    }
    return 0;
}
