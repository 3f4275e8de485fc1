// SPDX-License-Identifier: Apache-2.0
#include "engine/image/follow.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"
#include "engine/layer/frame.h"

enum {
    STEP = 1 << 18 /* bytes that are worth a message */
};

/* In the job's thread. */
static int report(void *user, uint64_t current) {
    const Follow *follow = user;
    if (atomic_load(&follow->stopped))
        return -1;
    return atomic_load(&follow->whole) ? follow->job.progress(follow->job.user, current) : 0;
}

static void *run(void *user) {
    Follow *follow = user;
    LayerUnpack job = follow->job;
    job.progress = report;
    job.user = follow;
    follow->code = layer_unpack(&job, &follow->result, &follow->error);
    return NULL;
}

void follow_init(Follow *follow, const LayerUnpack *job) {
    *follow = (Follow){.job = *job, .socket = -1};
    follow->job.blob = -1;
    atomic_init(&follow->whole, false);
    atomic_init(&follow->stopped, false);
}

/* Never waits for the program: a number that finds no room is followed by a greater one, and the
 * last is sent when there is nothing else to do. */
static void tell(Follow *follow, uint64_t offset, int flags) {
    if (send(follow->socket, &offset, sizeof(offset), MSG_NOSIGNAL | flags) == sizeof(offset))
        follow->told = offset;
}

static void lose(Follow *follow) {
    follow->lost = true;
    atomic_store(&follow->stopped, true);
    close(take_fd(&follow->socket));
}

/* SEQPACKET: no half of a number is ever in the socket. */
static int start(Follow *follow, const ContentWriter *writer) {
    int pair[2];
    Error ignored;
    if (content_writer_open_partial(writer, &follow->job.blob, &ignored) < 0 ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -1;
    follow->socket = pair[0];
    follow->job.follow = pair[1];
    return pthread_create(&follow->thread, NULL, run, follow) == 0 ? 0 : -1;
}

void follow_begin(Follow *follow, const ContentWriter *writer) {
    if (follow->started && !follow->lost)
        lose(follow);
    if (follow->started)
        return;
    follow->started = start(follow, writer) == 0;
    if (follow->started)
        follow_advance(follow, writer);
}

void follow_advance(Follow *follow, const ContentWriter *writer) {
    uint64_t offset = content_writer_offset(writer);
    if (!follow->started || follow->lost)
        return;
    if (content_writer_restarted(writer))
        lose(follow);
    else if (offset - follow->told >= STEP)
        tell(follow, offset, MSG_DONTWAIT);
}

static void end_program(Follow *follow, bool complete) {
    if (!follow->lost && complete) {
        atomic_store(&follow->whole, true);
        tell(follow, LAYER_FOLLOW_END, 0);
    } else {
        atomic_store(&follow->stopped, true);
    }
    if (follow->socket >= 0)
        close(take_fd(&follow->socket));
    pthread_join(follow->thread, NULL);
}

int follow_end(Follow *follow, bool complete, LayerResult *ret, Error *err) {
    bool counts = follow->started && complete && !follow->lost;
    if (follow->started)
        end_program(follow, complete);
    if (follow->job.blob >= 0)
        close(take_fd(&follow->job.blob));
    if (follow->job.follow > 0)
        close(follow->job.follow);
    if (follow->socket >= 0)
        close(take_fd(&follow->socket));
    if (counts && follow->code == 0) {
        *ret = follow->result;
        return 1;
    }
    if (follow->started && follow->code == 0)
        layer_result_done(&follow->result);
    if (counts)
        *err = follow->error;
    return counts ? follow->code : 0;
}
