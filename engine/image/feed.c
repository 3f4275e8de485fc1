// SPDX-License-Identifier: Apache-2.0
#include "engine/image/feed.h"

#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"

typedef struct Feed {
    FeedEater *eater;
    void *user;
    int input;
    atomic_bool complete;
    int code;
    Error error;
} Feed;

static void *eat(void *user) {
    Feed *feed = user;
    feed->code = feed->eater(feed->user, feed->input, &feed->complete, &feed->error);
    /* The writer learns that nobody reads any more. */
    shutdown(feed->input, SHUT_RDWR);
    return NULL;
}

typedef struct Mouth {
    int fd;
    bool shut; /* the eater hung up; it knows why */
} Mouth;

/* A socket, not a pipe: a program that ended early must not raise SIGPIPE here. */
static int give(void *to, const void *data, size_t n, Error *err) {
    Mouth *mouth = to;
    const char *at = data;
    while (n > 0) {
        ssize_t done = send(mouth->fd, at, n, MSG_NOSIGNAL);
        if (done < 0 && errno == EINTR)
            continue;
        mouth->shut = done < 0;
        if (done < 0)
            return error_set_errno(err, errno, "cannot hand the tar on");
        at += done;
        n -= (size_t)done;
    }
    return 0;
}

static int pump(const ImageSource *source, Mouth *mouth, Error *err) {
    enum {
        CHUNK = 1 << 18
    };
    if (source->send)
        return source->send(source->user, give, mouth, err);
    autofree char *buffer = memory_new(CHUNK);
    ssize_t n;
    while ((n = source->read(source->user, buffer, CHUNK, err)) > 0)
        TRY(give(mouth, buffer, (size_t)n, err));
    return n < 0 ? err->code : 0;
}

int feed(const ImageSource *source, FeedEater *eater, void *user, Error *err) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return error_set_errno(err, errno, "cannot make a socket");
    autoclose int ours = pair[0], theirs = pair[1];
    Feed feed = {.eater = eater, .user = user, .input = theirs};
    pthread_t thread;
    int sys = pthread_create(&thread, NULL, eat, &feed);
    if (sys != 0)
        return error_set_errno(err, sys, "cannot start a thread");
    Mouth mouth = {.fd = ours};
    int code = pump(source, &mouth, err);
    if (mouth.shut)
        code = 0;
    atomic_store(&feed.complete, code == 0);
    close(take_fd(&ours));
    pthread_join(thread, NULL);
    TRY(code);
    if (feed.code < 0)
        *err = feed.error;
    return feed.code;
}
