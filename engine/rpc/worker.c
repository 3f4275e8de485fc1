// SPDX-License-Identifier: Apache-2.0
#include "engine/rpc/worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/memory.h"

enum {
    STACK_SIZE = 512 * 1024,
    IDLE_SECONDS = 10
};

struct RpcWorkers {
    pthread_mutex_t mutex;
    pthread_cond_t work, ended;
    RpcJob *head, **tail;
    unsigned max_pool, max_lone, pool, lone, idle, queued;
    bool stopping;
};

typedef struct Lone {
    RpcWorkers *workers;
    RpcJob *job;
} Lone;

RpcWorkers *rpc_workers_new(unsigned max_pool, unsigned max_lone) {
    RpcWorkers *workers = new (RpcWorkers);
    workers->tail = &workers->head;
    workers->max_pool = max_pool;
    workers->max_lone = max_lone;
    pthread_mutex_init(&workers->mutex, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&workers->work, &attributes);
    pthread_cond_init(&workers->ended, &attributes);
    pthread_condattr_destroy(&attributes);
    return workers;
}

void rpc_workers_free(RpcWorkers *workers) {
    pthread_mutex_lock(&workers->mutex);
    workers->stopping = true;
    pthread_cond_broadcast(&workers->work);
    while (workers->pool || workers->lone)
        pthread_cond_wait(&workers->ended, &workers->mutex);
    pthread_mutex_unlock(&workers->mutex);
    pthread_cond_destroy(&workers->work);
    pthread_cond_destroy(&workers->ended);
    pthread_mutex_destroy(&workers->mutex);
    free(workers);
}

static bool thread_start(void *(*function)(void *), void *argument) {
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    bool ok = pthread_create(&thread, &attributes, function, argument) == 0;
    pthread_attr_destroy(&attributes);
    return ok;
}

static RpcJob *pool_next(RpcWorkers *workers) {
    while (!workers->head) {
        if (workers->stopping)
            return NULL;
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += IDLE_SECONDS;
        workers->idle++;
        int r = pthread_cond_timedwait(&workers->work, &workers->mutex, &until);
        workers->idle--;
        if (r == ETIMEDOUT && !workers->head)
            return NULL;
    }
    RpcJob *job = workers->head;
    workers->head = job->next;
    workers->queued--;
    if (!workers->head)
        workers->tail = &workers->head;
    return job;
}

static void *pool_thread(void *argument) {
    RpcWorkers *workers = argument;
    pthread_mutex_lock(&workers->mutex);
    for (RpcJob *job; (job = pool_next(workers));) {
        pthread_mutex_unlock(&workers->mutex);
        job->run(job->owner);
        pthread_mutex_lock(&workers->mutex);
    }
    workers->pool--;
    pthread_cond_broadcast(&workers->ended);
    pthread_mutex_unlock(&workers->mutex);
    return NULL;
}

void rpc_workers_submit(RpcWorkers *workers, RpcJob *job) {
    pthread_mutex_lock(&workers->mutex);
    job->next = NULL;
    *workers->tail = job;
    workers->tail = &job->next;
    workers->queued++;
    bool grow = workers->idle < workers->queued && workers->pool < workers->max_pool;
    if (grow && thread_start(pool_thread, workers))
        workers->pool++;
    pthread_cond_signal(&workers->work);
    pthread_mutex_unlock(&workers->mutex);
}

static void *lone_thread(void *argument) {
    Lone lone = *(Lone *)argument;
    free(argument);
    lone.job->run(lone.job->owner);
    pthread_mutex_lock(&lone.workers->mutex);
    lone.workers->lone--;
    pthread_cond_broadcast(&lone.workers->ended);
    pthread_mutex_unlock(&lone.workers->mutex);
    return NULL;
}

bool rpc_workers_submit_lone(RpcWorkers *workers, RpcJob *job) {
    Lone *lone = new (Lone);
    *lone = (Lone){workers, job};
    pthread_mutex_lock(&workers->mutex);
    bool ok = workers->lone < workers->max_lone && thread_start(lone_thread, lone);
    if (ok)
        workers->lone++;
    pthread_mutex_unlock(&workers->mutex);
    if (!ok)
        free(lone);
    return ok;
}
