// SPDX-License-Identifier: Apache-2.0
#include "engine/container/monitor.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/memory.h"

enum {
    HANDLERS_MAX = 8,
    BATCH = 16
};

typedef struct Watch {
    struct Watch *next, *previous;
    MonitorWatch with;
    MonitorNews news;
} Watch;

struct Monitor {
    MonitorTold *tell;
    void *user;
    int epoll, stop;
    pthread_t thread;
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t idle;
    Watch *watches; /* pending */
    Watch *ended, **ended_tail;
    unsigned handlers;
    bool stopping;
};

static void watch_free(Watch *watch) {
    ttrpc_client_free(watch->with.client);
    task_change_done(&watch->news.change);
    free(watch);
}

static void watch_unlink(Monitor *monitor, Watch *watch) { /* under the mutex */
    if (watch->previous)
        watch->previous->next = watch->next;
    else
        monitor->watches = watch->next;
    if (watch->next)
        watch->next->previous = watch->previous;
    watch->next = watch->previous = NULL;
}

/* Works off the queue, then ends: threads exist only while there is something to do. */
static void *handler_thread(void *argument) {
    Monitor *monitor = argument;
    pthread_mutex_lock(&monitor->mutex);
    while (monitor->ended) {
        Watch *watch = monitor->ended;
        monitor->ended = watch->next;
        if (!monitor->ended)
            monitor->ended_tail = &monitor->ended;
        pthread_mutex_unlock(&monitor->mutex);
        monitor->tell(monitor->user, &watch->with, &watch->news);
        watch_free(watch);
        pthread_mutex_lock(&monitor->mutex);
    }
    monitor->handlers--;
    pthread_cond_broadcast(&monitor->idle);
    pthread_mutex_unlock(&monitor->mutex);
    return NULL;
}

static void handler_start(Monitor *monitor) { /* under the mutex */
    pthread_attr_t attributes;
    pthread_t thread;
    if (monitor->handlers == HANDLERS_MAX)
        return;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, 512 * 1024);
    if (pthread_create(&thread, &attributes, handler_thread, monitor) == 0)
        monitor->handlers++;
    pthread_attr_destroy(&attributes);
}

static void watch_ready(Monitor *monitor, Watch *watch) {
    Error err = {};
    int r = watch->with.changes ? task_watch_end(watch->with.client, &watch->news.change, &err)
                                : task_wait_end(watch->with.client, &watch->news.exit, &err);
    if (r == ERROR_TIMEOUT)
        return;
    epoll_ctl(monitor->epoll, EPOLL_CTL_DEL, ttrpc_client_fd(watch->with.client), NULL);
    pthread_mutex_lock(&monitor->mutex);
    watch_unlink(monitor, watch);
    *monitor->ended_tail = watch;
    monitor->ended_tail = &watch->next;
    handler_start(monitor);
    pthread_mutex_unlock(&monitor->mutex);
}

static void *watch_thread(void *argument) {
    Monitor *monitor = argument;
    struct epoll_event batch[BATCH];
    for (;;) {
        int n = epoll_wait(monitor->epoll, batch, BATCH, -1);
        for (int i = 0; i < n; i++) {
            if (!batch[i].data.ptr)
                return NULL;
            watch_ready(monitor, batch[i].data.ptr);
        }
    }
}

int monitor_new(MonitorTold *told, void *user, Monitor **ret, Error *err) {
    Monitor *monitor = new (Monitor);
    monitor->tell = told;
    monitor->user = user;
    monitor->ended_tail = &monitor->ended;
    monitor->epoll = epoll_create1(EPOLL_CLOEXEC);
    monitor->stop = eventfd(0, EFD_CLOEXEC);
    pthread_mutex_init(&monitor->mutex, NULL);
    pthread_cond_init(&monitor->idle, NULL);
    struct epoll_event event = {.events = EPOLLIN};
    epoll_ctl(monitor->epoll, EPOLL_CTL_ADD, monitor->stop, &event);
    int r = pthread_create(&monitor->thread, NULL, watch_thread, monitor);
    if (r != 0) {
        close(monitor->epoll);
        close(monitor->stop);
        free(monitor);
        return error_set_errno(err, r, "cannot start the thread that watches containers");
    }
    *ret = monitor;
    return 0;
}

void monitor_free(Monitor *monitor) {
    if (!monitor)
        return;
    eventfd_write(monitor->stop, 1);
    pthread_join(monitor->thread, NULL);
    pthread_mutex_lock(&monitor->mutex);
    while (monitor->handlers)
        pthread_cond_wait(&monitor->idle, &monitor->mutex);
    pthread_mutex_unlock(&monitor->mutex);
    while (monitor->watches) {
        Watch *next = monitor->watches->next;
        monitor->tell(monitor->user, &monitor->watches->with, NULL);
        watch_free(monitor->watches);
        monitor->watches = next;
    }
    close(monitor->epoll);
    close(monitor->stop);
    pthread_mutex_destroy(&monitor->mutex);
    pthread_cond_destroy(&monitor->idle);
    free(monitor);
}

int monitor_watch(Monitor *monitor, const MonitorWatch *with, Error *err) {
    Watch *watch = new (Watch);
    watch->with = *with;
    pthread_mutex_lock(&monitor->mutex);
    watch->next = monitor->watches;
    if (watch->next)
        watch->next->previous = watch;
    monitor->watches = watch;
    pthread_mutex_unlock(&monitor->mutex);
    /* level-triggered: an answer that is there already is seen, too */
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = watch};
    if (epoll_ctl(monitor->epoll, EPOLL_CTL_ADD, ttrpc_client_fd(with->client), &event) == 0)
        return 0;
    int sys = errno;
    pthread_mutex_lock(&monitor->mutex);
    watch_unlink(monitor, watch);
    pthread_mutex_unlock(&monitor->mutex);
    watch_free(watch);
    return error_set_errno(err, sys, "cannot watch a task");
}
