// SPDX-License-Identifier: Apache-2.0
#include "shim/logger.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/process.h"
#include "base/text.h"
#include "base/time.h"

enum {
    READY_SECONDS = 10,
};
static const int64_t long_life = 10 * TIME_SECOND, restart_delay = 100 * TIME_MILLISECOND,
                     end_patience = 5 * TIME_SECOND, term_patience = 2 * TIME_SECOND;

struct Logger {
    Loop *loop;
    char **argv, **environ;
    unsigned *farewells;
    bool ending, asked; /* asked: SIGTERM was sent */
    int readers[LOG_STREAMS];
    LoopSource process; /* a pidfd: whoever reaps, we hear of the end; fd -1: none */
    pid_t pid;
    int64_t began;
    unsigned deaths;
    LoopTimer timer; /* the next start, or the end of our patience */
};

static void close_readers(Logger *logger) {
    for (int i = 0; i < LOG_STREAMS; i++) {
        if (logger->readers[i] >= 0)
            close(logger->readers[i]);
        logger->readers[i] = -1;
    }
}

static void logger_free(Logger *logger) {
    loop_disarm(logger->loop, &logger->timer);
    loop_watch(logger->loop, &logger->process, 0);
    if (logger->process.fd >= 0)
        close(logger->process.fd);
    close_readers(logger);
    texts_free(logger->argv);
    texts_free(logger->environ);
    free(logger);
}

/* ret_ready: readable when the program is ready, or gone. */
static int spawn(Logger *logger, int *ret_ready, Error *err) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_set_errno(err, errno, "cannot make a pipe");
    autoclose int reader = ends[0], writer = ends[1];
    const int fds[] = {logger->readers[LOG_STDOUT], logger->readers[LOG_STDERR], writer};
    ProcessSpawn child = PROCESS_SPAWN_INIT;
    child.argv = (const char *const *)logger->argv;
    child.environ = (const char *const *)logger->environ;
    child.more_fds = fds;
    child.more_fds_n = array_size(fds);
    TRY(process_spawn(&child, &logger->pid, err));
    logger->began = time_monotonic();
    logger->process.fd = pidfd_open(logger->pid, 0); /* close-on-exec (pidfd_open(2)) */
    if (logger->process.fd < 0)
        return error_set_errno(err, errno, "cannot watch '%s'", logger->argv[0]);
    loop_watch(logger->loop, &logger->process, EPOLLIN);
    *ret_ready = take_fd(&reader);
    return 0;
}

static void start_anew(Logger *logger) {
    Error err = {};
    autoclose int ready = -1;
    if (spawn(logger, &ready, &err) >= 0)
        return;
    log_failure(LOG_LEVEL_ERROR, &err);
    close_readers(logger);
}

static void on_timer(void *owner, uint32_t events) {
    Logger *logger = owner;
    if (!logger->ending) {
        start_anew(logger);
        return;
    }
    pidfd_send_signal(logger->process.fd, logger->asked ? SIGKILL : SIGTERM, NULL, 0);
    logger->asked = true;
    loop_arm(logger->loop, &logger->timer, term_patience);
}

static void on_exit_of_process(void *owner, uint32_t events) {
    Logger *logger = owner;
    loop_watch(logger->loop, &logger->process, 0);
    close(logger->process.fd);
    logger->process.fd = -1;
    if (logger->ending) {
        --*logger->farewells;
        logger_free(logger);
        return;
    }
    logger->deaths = time_monotonic() - logger->began >= long_life ? 1 : logger->deaths + 1;
    if (logger->deaths < LOGGER_DEATHS) {
        log_warning("logging program '%s' has ended and is started anew", logger->argv[0]);
        loop_arm(logger->loop, &logger->timer, restart_delay * logger->deaths);
        return;
    }
    log_error("logging program '%s' ends whenever it is started; output is dropped from now on",
        logger->argv[0]);
    close_readers(logger);
}

static int await_ready(Logger *logger, int ready, bool strict, Error *err) {
    char byte;
    int r = loop_await(logger->loop, ready, READY_SECONDS * TIME_SECOND, err);
    if (r == ERROR_TIMEOUT)
        return error_set(err, ERROR_TIMEOUT, "logging program '%s' is not ready after %d seconds",
            logger->argv[0], READY_SECONDS);
    TRY(r);
    if (read(ready, &byte, 1) < 1 && strict)
        return error_set(err, ERROR_UNKNOWN, "logging program '%s' did not say that it is ready",
            logger->argv[0]);
    return 0;
}

static char **environment(const LoggerOptions *options) {
    autofree char *id = text_format("CONTAINER_ID=%s", options->id);
    autofree char *name_space = text_format("CONTAINER_NAMESPACE=%s", options->name_space);
    return texts_copy((char *const[]){id, name_space, NULL});
}

static int open_pipes(Logger *logger, int ret_writers[LOG_STREAMS], Error *err) {
    for (int i = 0; i < LOG_STREAMS; i++) {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) < 0)
            return error_set_errno(err, errno, "cannot make a pipe");
        logger->readers[i] = ends[0];
        ret_writers[i] = ends[1];
        TRY(fd_set_nonblocking(ends[1], true, err));
    }
    return 0;
}

int logger_start(
    const LoggerOptions *options, Logger **ret, int ret_writers[LOG_STREAMS], Error *err) {
    Logger *logger = new (Logger);
    *logger = (Logger){.loop = options->loop,
        .argv = texts_copy(options->argv),
        .environ = environment(options),
        .farewells = options->farewells,
        .readers = {-1, -1},
        .process = {.fd = -1, .handle = on_exit_of_process, .owner = logger},
        .timer = {.handle = on_timer, .owner = logger}};
    int writers[LOG_STREAMS] = {-1, -1};
    autoclose int ready = -1;
    int r = open_pipes(logger, writers, err);
    if (r >= 0)
        r = spawn(logger, &ready, err);
    if (r >= 0)
        r = await_ready(logger, ready, options->strict, err);
    if (r < 0) {
        if (logger->process.fd >= 0)
            pidfd_send_signal(logger->process.fd, SIGKILL, NULL, 0);
        for (int i = 0; i < LOG_STREAMS; i++)
            if (writers[i] >= 0)
                close(writers[i]);
        logger_free(logger);
        return r;
    }
    for (int i = 0; i < LOG_STREAMS; i++)
        ret_writers[i] = writers[i];
    *ret = logger;
    return 0;
}

void logger_end(Logger *logger) {
    if (!logger)
        return;
    bool given_up = logger->readers[LOG_STDOUT] < 0;
    if (logger->process.fd < 0 && !given_up) /* between two: the next one reads what waits */
        start_anew(logger);
    logger->ending = true;
    close_readers(logger);
    if (logger->process.fd < 0) {
        logger_free(logger);
        return;
    }
    ++*logger->farewells;
    loop_arm(logger->loop, &logger->timer, end_patience);
}
