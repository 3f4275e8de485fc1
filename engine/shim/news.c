// SPDX-License-Identifier: Apache-2.0
#include "engine/shim/news.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "proto/containerd/services/events/ttrpc/v1/events.pb-c.h"
#include "proto/google/protobuf/empty.pb-c.h"
#include "ttrpc/server.h"

struct ShimNews {
    Events *events;
    TtrpcService services[2]; /* ends with an empty one */
    TtrpcServer *server;
    int stop; /* eventfd */
    pthread_t thread;
    bool running;
};

static int forward(void *owner, TtrpcCall *call, const ProtobufCMethodDescriptor *method,
    const ProtobufCMessage *message, ProtobufCMessage *response, Error *err) {
    const Containerd__Services__Events__Ttrpc__V1__ForwardRequest *request = (const void *)message;
    const Containerd__Types__Envelope *envelope = request->envelope;
    if (!envelope || !envelope->event)
        return error_set(err, ERROR_INVALID, "event is missing: invalid argument");
    const Google__Protobuf__Timestamp *stamp = envelope->timestamp;
    event_publish(((ShimNews *)owner)->events,
        &(Event){.type = envelope->topic,
            .action = envelope->event->type_url,
            .id = envelope->namespace_,
            .payload = envelope->event->value.data ? envelope->event->value.data : (uint8_t *)"",
            .payload_size = envelope->event->value.len,
            .time = stamp ? stamp->seconds * TIME_SECOND + stamp->nanos : 0});
    return 0;
}

static void *serve(void *user) {
    ShimNews *news = user;
    struct pollfd fds[] = {{.fd = news->stop, .events = POLLIN},
        {.fd = ttrpc_server_fd(news->server), .events = POLLIN}};
    for (;;) {
        int n = poll(fds, array_size(fds), -1);
        if (n < 0 && errno != EINTR)
            return NULL;
        if (n > 0 && fds[0].revents)
            return NULL;
        if (n > 0 && fds[1].revents)
            ttrpc_server_dispatch(news->server);
    }
}

static int start(ShimNews *news, const char *state, Error *err) {
    static const char *const names[] = {"containerd.services.events.ttrpc.v1.Events", NULL};
    news->services[0] = (TtrpcService){
        &containerd__services__events__ttrpc__v1__events__descriptor, names, forward, news};
    autofree char *path = text_format("%s/tared.ttrpc.sock", state);
    autoclose int listener = -1;
    TRY(file_remove(AT_FDCWD, path, err)); /* the state's lock is ours */
    TRY(fd_listen(path, 0600, 64, &listener, err));
    TRY(ttrpc_server_new(take_fd(&listener), news->services, &news->server, err));
    news->stop = eventfd(0, EFD_CLOEXEC);
    int sys = news->stop < 0 ? errno : pthread_create(&news->thread, NULL, serve, news);
    if (sys)
        return error_set_errno(err, sys, "cannot start the thread that hears shims");
    news->running = true;
    return 0;
}

int shim_news_start(const char *state, Events *events, ShimNews **ret, Error *err) {
    autoptr(ShimNews) news = new (ShimNews);
    news->events = events;
    news->stop = -1;
    TRY(start(news, state, err));
    *ret = take_ptr(&news);
    return 0;
}

void shim_news_stop(ShimNews *news) {
    if (!news)
        return;
    if (news->running) {
        eventfd_write(news->stop, 1);
        pthread_join(news->thread, NULL);
    }
    if (news->stop >= 0)
        close(news->stop);
    ttrpc_server_free(news->server);
    free(news);
}
