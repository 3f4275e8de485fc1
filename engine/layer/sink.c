// SPDX-License-Identifier: Apache-2.0
#include "engine/layer/sink.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "base/memory.h"

enum {
    SLOTS = 8,
    SLOT_SIZE = 1 << 19
};

/* Buffer i is in slot i % SLOTS. It is complete when i < produced; its slot may be used again when
 * both hashed > i and written > i. An empty buffer is the end. */
struct Sink {
    Compressor *compressor;
    Digest *digest;
    uint64_t limit, total;
    char *slot[SLOTS];
    size_t filled[SLOTS];
    size_t at; /* bytes in the buffer that is being filled */
    pthread_t hasher, writer;
    bool hashing, writing; /* the threads are there */
    pthread_mutex_t mutex; /* guards all below */
    pthread_cond_t changed;
    uint64_t produced, hashed, written;
    bool stopping;
    Error error; /* the writer's; code 0: none */
};

static bool wait_for_buffer(Sink *sink, uint64_t index, size_t *ret_n) {
    pthread_mutex_lock(&sink->mutex);
    while (!sink->stopping && index >= sink->produced)
        pthread_cond_wait(&sink->changed, &sink->mutex);
    bool ready = !sink->stopping;
    *ret_n = ready ? sink->filled[index % SLOTS] : 0;
    pthread_mutex_unlock(&sink->mutex);
    return ready;
}

static void count(Sink *sink, uint64_t *counter) {
    pthread_mutex_lock(&sink->mutex);
    ++*counter;
    pthread_cond_broadcast(&sink->changed);
    pthread_mutex_unlock(&sink->mutex);
}

static void *hash(void *user) {
    Sink *sink = user;
    size_t n = 1;
    for (uint64_t i = 0; n > 0 && wait_for_buffer(sink, i, &n); i++) {
        digest_update(sink->digest, sink->slot[i % SLOTS], n);
        count(sink, &sink->hashed);
    }
    return NULL;
}

static void *write_out(void *user) {
    Sink *sink = user;
    size_t n = 1;
    for (uint64_t i = 0; n > 0 && wait_for_buffer(sink, i, &n); i++) {
        Error error = {};
        if (compressor_add(sink->compressor, sink->slot[i % SLOTS], n, n == 0, &error) < 0) {
            pthread_mutex_lock(&sink->mutex);
            sink->error = error;
            sink->stopping = true;
            pthread_cond_broadcast(&sink->changed);
            pthread_mutex_unlock(&sink->mutex);
            return NULL;
        }
        count(sink, &sink->written);
    }
    return NULL;
}

int sink_open(Compression compression, uint64_t limit, CompressorWrite *write, void *user,
    Sink **ret, Error *err) {
    autoptr(Sink) sink = new (Sink);
    *sink = (Sink){.limit = limit, .digest = digest_new()};
    pthread_mutex_init(&sink->mutex, NULL);
    pthread_cond_init(&sink->changed, NULL);
    for (size_t i = 0; i < SLOTS; i++)
        sink->slot[i] = memory_new(SLOT_SIZE);
    TRY(compressor_new(compression, write, user, &sink->compressor, err));
    int sys = pthread_create(&sink->hasher, NULL, hash, sink);
    sink->hashing = sys == 0;
    if (sys == 0)
        sys = pthread_create(&sink->writer, NULL, write_out, sink);
    sink->writing = sys == 0;
    if (sys != 0)
        return error_set_errno(err, sys, "cannot start a thread");
    *ret = take_ptr(&sink);
    return 0;
}

static void join(Sink *sink) {
    if (sink->hashing)
        pthread_join(sink->hasher, NULL);
    if (sink->writing)
        pthread_join(sink->writer, NULL);
    sink->hashing = sink->writing = false;
}

void sink_close(Sink *sink) {
    if (!sink)
        return;
    pthread_mutex_lock(&sink->mutex);
    sink->stopping = true;
    pthread_cond_broadcast(&sink->changed);
    pthread_mutex_unlock(&sink->mutex);
    join(sink);
    compressor_free(sink->compressor);
    digest_free(sink->digest);
    for (size_t i = 0; i < SLOTS; i++)
        free(sink->slot[i]);
    pthread_cond_destroy(&sink->changed);
    pthread_mutex_destroy(&sink->mutex);
    free(sink);
}

/* With the mutex held. */
static int check_stopped(const Sink *sink, Error *err) {
    if (!sink->stopping)
        return 0;
    *err = sink->error;
    return err->code;
}

/* Hands the buffer over, and waits until there is another one to fill. */
static int hand_over(Sink *sink, Error *err) {
    pthread_mutex_lock(&sink->mutex);
    sink->filled[sink->produced % SLOTS] = sink->at;
    sink->produced++;
    sink->at = 0;
    pthread_cond_broadcast(&sink->changed);
    while (!sink->stopping &&
           (sink->produced >= sink->hashed + SLOTS || sink->produced >= sink->written + SLOTS))
        pthread_cond_wait(&sink->changed, &sink->mutex);
    int code = check_stopped(sink, err);
    pthread_mutex_unlock(&sink->mutex);
    return code;
}

int sink_add(Sink *sink, const void *data, size_t n, Error *err) {
    const char *from = data;
    sink->total += n;
    if (sink->total > sink->limit)
        return error_set(
            err, ERROR_EXHAUSTED, "the layer has more than %" PRIu64 " bytes", sink->limit);
    while (n > 0) {
        size_t some = SLOT_SIZE - sink->at < n ? SLOT_SIZE - sink->at : n;
        memcpy(sink->slot[sink->produced % SLOTS] + sink->at, from, some);
        sink->at += some;
        from += some;
        n -= some;
        if (sink->at == SLOT_SIZE)
            TRY(hand_over(sink, err));
    }
    return 0;
}

int sink_finish(Sink *sink, char ret_digest[DIGEST_TEXT_SIZE], Error *err) {
    if (sink->at > 0)
        TRY(hand_over(sink, err));
    TRY(hand_over(sink, err));
    join(sink);
    TRY(check_stopped(sink, err));
    digest_finish(sink->digest, ret_digest);
    return 0;
}

uint64_t sink_size(const Sink *sink) {
    return sink->total;
}
