// SPDX-License-Identifier: Apache-2.0
#include "engine/layer/stream.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/memory.h"
#include "engine/layer/decompress.h"

enum {
    SLOTS = 8,
    SLOT_SIZE = 1 << 19,
    RATIO_MAX = 2000, /* gzip reaches 1032; zstd would a hundred thousand, with zeros */
    RATIO_FROM = 1 << 30,
};

/* Buffer i is in slot i % SLOTS. It is complete when i < produced; its slot may be used again when
 * both hashed > i and consumed > i. An empty buffer is the end. */
struct Stream {
    Decompressor *decompressor;
    uint64_t limit, total;
    atomic_uint_fast64_t position;
    char *slot[SLOTS];
    size_t filled[SLOTS];
    pthread_t producer, hasher;
    Digest *digest;
    pthread_mutex_t mutex; /* guards all below */
    pthread_cond_t changed;
    uint64_t produced, hashed, consumed;
    bool lent; /* the caller holds buffer `consumed` */
    bool stopping;
    Error error; /* the producer's; code 0: none */
};

static bool wait_for_slot(Stream *stream, uint64_t index) {
    pthread_mutex_lock(&stream->mutex);
    while (
        !stream->stopping && (index >= stream->hashed + SLOTS || index >= stream->consumed + SLOTS))
        pthread_cond_wait(&stream->changed, &stream->mutex);
    bool go_on = !stream->stopping;
    pthread_mutex_unlock(&stream->mutex);
    return go_on;
}

static int fill(Stream *stream, uint64_t index, size_t *ret_n, Error *err) {
    TRY(decompressor_read(
        stream->decompressor, stream->slot[index % SLOTS], SLOT_SIZE, ret_n, err));
    stream->total += *ret_n;
    atomic_store(&stream->position, decompressor_position(stream->decompressor));
    if (stream->total > stream->limit)
        return error_set(
            err, ERROR_EXHAUSTED, "the layer has more than %" PRIu64 " bytes", stream->limit);
    if (stream->total > RATIO_FROM && stream->total / RATIO_MAX > atomic_load(&stream->position))
        return error_set(err, ERROR_EXHAUSTED,
            "the layer's content is more than %d times as large as its compressed form", RATIO_MAX);
    return 0;
}

static void *produce(void *argument) {
    Stream *stream = argument;
    bool ended = false;
    for (uint64_t index = 0; !ended && wait_for_slot(stream, index); index++) {
        Error error = {};
        size_t n = 0;
        int code = fill(stream, index, &n, &error);
        ended = code < 0 || n == 0;
        pthread_mutex_lock(&stream->mutex);
        stream->filled[index % SLOTS] = n;
        if (code < 0)
            stream->error = error;
        else
            stream->produced = index + 1;
        pthread_cond_broadcast(&stream->changed);
        pthread_mutex_unlock(&stream->mutex);
    }
    return NULL;
}

/* With the mutex held: false when nothing more will come. */
static bool wait_for_buffer(Stream *stream, uint64_t index) {
    while (!stream->stopping && stream->error.code == 0 && index >= stream->produced)
        pthread_cond_wait(&stream->changed, &stream->mutex);
    return !stream->stopping && index < stream->produced;
}

static void *hash(void *argument) {
    Stream *stream = argument;
    for (uint64_t index = 0;; index++) {
        pthread_mutex_lock(&stream->mutex);
        bool ready = wait_for_buffer(stream, index);
        size_t n = ready ? stream->filled[index % SLOTS] : 0;
        pthread_mutex_unlock(&stream->mutex);
        if (!ready)
            return NULL;
        digest_update(stream->digest, stream->slot[index % SLOTS], n);
        pthread_mutex_lock(&stream->mutex);
        stream->hashed = index + 1;
        pthread_cond_broadcast(&stream->changed);
        pthread_mutex_unlock(&stream->mutex);
        if (n == 0)
            return NULL;
    }
}

int stream_open(const StreamSource *source, Stream **ret, Error *err) {
    Decompressor *decompressor;
    TRY(decompressor_new(source->fd, source->follow, &decompressor, err));
    if (source->expected)
        decompressor_skip_checksum(decompressor);
    Stream *stream = new (Stream);
    *stream =
        (Stream){.decompressor = decompressor, .limit = source->limit, .digest = digest_new()};
    for (size_t i = 0; i < SLOTS; i++)
        stream->slot[i] = memory_new(SLOT_SIZE);
    pthread_mutex_init(&stream->mutex, NULL);
    pthread_cond_init(&stream->changed, NULL);
    int sys = pthread_create(&stream->producer, NULL, produce, stream);
    if (sys == 0) {
        sys = pthread_create(&stream->hasher, NULL, hash, stream);
        if (sys != 0) {
            stream->hasher = stream->producer;
            stream_close(stream);
        }
    }
    if (sys != 0)
        return error_set_errno(err, sys, "cannot start a thread");
    *ret = stream;
    return 0;
}

void stream_close(Stream *stream) {
    if (!stream)
        return;
    pthread_mutex_lock(&stream->mutex);
    stream->stopping = true;
    pthread_cond_broadcast(&stream->changed);
    pthread_mutex_unlock(&stream->mutex);
    pthread_join(stream->producer, NULL);
    if (!pthread_equal(stream->hasher, stream->producer))
        pthread_join(stream->hasher, NULL);
    for (size_t i = 0; i < SLOTS; i++)
        free(stream->slot[i]);
    pthread_cond_destroy(&stream->changed);
    pthread_mutex_destroy(&stream->mutex);
    decompressor_free(stream->decompressor);
    digest_free(stream->digest);
    free(stream);
}

int stream_next(Stream *stream, const void **ret, size_t *ret_n, Error *err) {
    pthread_mutex_lock(&stream->mutex);
    if (stream->lent) {
        stream->consumed++;
        stream->lent = false;
        pthread_cond_broadcast(&stream->changed);
    }
    uint64_t index = stream->consumed;
    bool ready = wait_for_buffer(stream, index);
    int code = 0;
    if (ready) {
        *ret = stream->slot[index % SLOTS];
        *ret_n = stream->filled[index % SLOTS];
        stream->lent = *ret_n > 0; /* the end can be read again */
    } else {
        *err = stream->error;
        code = err->code;
    }
    pthread_mutex_unlock(&stream->mutex);
    return code;
}

int stream_finish(Stream *stream, char ret_digest[DIGEST_TEXT_SIZE], Error *err) {
    const void *data;
    size_t n = 1;
    while (n > 0)
        TRY(stream_next(stream, &data, &n, err));
    pthread_mutex_lock(&stream->mutex);
    while (stream->hashed <= stream->consumed)
        pthread_cond_wait(&stream->changed, &stream->mutex);
    pthread_mutex_unlock(&stream->mutex);
    digest_finish(stream->digest, ret_digest);
    return 0;
}

uint64_t stream_position(Stream *stream) {
    return atomic_load(&stream->position);
}

/* The thread that counts has ended: stream_finish has waited for it. */
uint64_t stream_size(Stream *stream) {
    return stream->total;
}
