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

/* A socket, not a pipe: a program that ended early must not raise SIGPIPE here. Returns 0 also when
 * the other side hung up; it knows why. */
static int pump(int fd, ImageReader *reader, void *user, Error *err) {
    enum {
        CHUNK = 1 << 18
    };
    autofree char *buffer = memory_new(CHUNK);
    ssize_t n;
    while ((n = reader(user, buffer, CHUNK, err)) > 0)
        for (ssize_t sent = 0, done; sent < n; sent += done) {
            done = send(fd, buffer + sent, (size_t)(n - sent), MSG_NOSIGNAL);
            if (done < 0 && errno == EINTR)
                done = 0;
            if (done < 0)
                return 0;
        }
    return n < 0 ? err->code : 0;
}

int feed(ImageReader *reader, void *reader_user, FeedEater *eater, void *user, Error *err) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return error_set_errno(err, errno, "cannot make a socket");
    autoclose int ours = pair[0], theirs = pair[1];
    Feed feed = {.eater = eater, .user = user, .input = theirs};
    pthread_t thread;
    int sys = pthread_create(&thread, NULL, eat, &feed);
    if (sys != 0)
        return error_set_errno(err, sys, "cannot start a thread");
    int code = pump(ours, reader, reader_user, err);
    atomic_store(&feed.complete, code == 0);
    close(take_fd(&ours));
    pthread_join(thread, NULL);
    TRY(code);
    if (feed.code < 0)
        *err = feed.error;
    return feed.code;
}
