// SPDX-License-Identifier: Apache-2.0
#include "shim/health.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/process.h"
#include "base/text.h"
#include "base/time.h"
#include "shim/container.h"
#include "shim/task.h"
#include "shim/work.h"

static const int64_t stop_patience = 10 * TIME_SECOND;
static const char pid_file_name[] = "health.pid";

struct Health {
    Container *container;
    HealthOptions with;
    HealthStatus status;
    unsigned failing_streak, results_n;
    HealthResult results[HEALTH_RESULTS];
    int64_t life_began;    /* monotonic; 0: no life */
    pid_t probe;           /* 0: none under way */
    int64_t probe_started; /* and */
    int64_t probe_began;   /* the same, monotonic */
    bool timed_out, void_probe;
    int signal; /* to send to the container */
    Text output;
    bool cut;          /* it wrote more */
    LoopSource source; /* of the probe's output; fd -1: closed */
    LoopTimer timer;   /* the next probe, or the end of this one's time */
    LoopTimer stop_timer;
};

int health_action_parse(const char *name, HealthAction *ret, Error *err) {
    static const struct {
        const char *name;
        HealthAction action;
    } actions[] = {
        {"", HEALTH_ON_FAILURE_NONE},
        {"none", HEALTH_ON_FAILURE_NONE},
        {"kill", HEALTH_ON_FAILURE_KILL},
        {"stop", HEALTH_ON_FAILURE_STOP},
        {"restart", HEALTH_ON_FAILURE_RESTART},
    };
    for (size_t i = 0; i < array_size(actions); i++)
        if (strcmp(actions[i].name, name) == 0) {
            *ret = actions[i].action;
            return 0;
        }
    return error_set(err, ERROR_INVALID,
        "unknown action '%.100s' for unhealthy containers: none, kill, stop or restart", name);
}

static Loop *loop_of(const Health *health) {
    return &health->container->shim->loop;
}

static bool in_start_period(const Health *health, int64_t monotonic) {
    return monotonic - health->life_began < health->with.start_period;
}

/* In the start period, until the first success, probes come as often as it says. */
static void await_next(Health *health) {
    bool early = health->status == HEALTH_STARTING && in_start_period(health, time_monotonic());
    loop_arm(loop_of(health), &health->timer,
        early ? health->with.start_interval : health->with.interval);
}

static void remember(Health *health, HealthResult *result) {
    if (health->results_n == HEALTH_RESULTS) {
        free(health->results[0].output);
        memmove(
            health->results, health->results + 1, (HEALTH_RESULTS - 1) * sizeof *health->results);
        health->results_n--;
    }
    health->results[health->results_n++] = *result;
}

static void send_signal(Container *container) {
    Error err = {};
    int number = container->health ? container->health->signal : 0;
    if (number && runtime_kill(&container->runtime, container->id, number, false, &err) < 0)
        log_failure(LOG_LEVEL_WARNING, &err);
}

static void signal_container(Health *health, int number) {
    health->signal = number;
    work_on(health->container, send_signal);
}

static void on_stop_timer(void *owner, uint32_t events) {
    signal_container(owner, SIGKILL);
}

static void act(Health *health) {
    log_warning("container '%s' is unhealthy", health->container->id);
    switch (health->with.on_failure) {
    case HEALTH_ON_FAILURE_NONE:
        break;
    case HEALTH_ON_FAILURE_STOP: /* as `tare stop`: for good */
        health->container->restart.mode = RESTART_NO;
        signal_container(health, health->with.stop_signal ? health->with.stop_signal : SIGTERM);
        loop_arm(loop_of(health), &health->stop_timer, stop_patience);
        break;
    case HEALTH_ON_FAILURE_RESTART:
        health->container->restart.forced = true;
        signal_container(health, SIGKILL);
        break;
    case HEALTH_ON_FAILURE_KILL:
        signal_container(health, SIGKILL);
        break;
    }
}

static void conclude(Health *health, HealthResult *result) {
    bool good = result->exit_code == 0;
    HealthStatus before = health->status;
    remember(health, result);
    if (good) {
        health->failing_streak = 0;
        health->status = HEALTH_HEALTHY;
    } else if (before != HEALTH_STARTING || !in_start_period(health, health->probe_began)) {
        health->failing_streak++;
        if (health->failing_streak >= health->with.retries)
            health->status = HEALTH_UNHEALTHY;
    }
    await_next(health);
    container_changed(health->container);
    if (before != HEALTH_UNHEALTHY && health->status == HEALTH_UNHEALTHY)
        act(health);
}

static void close_output(Health *health) {
    loop_watch(loop_of(health), &health->source, 0);
    if (health->source.fd >= 0)
        close(health->source.fd);
    health->source.fd = -1;
}

/* More than is kept is read and dropped, so that the probe does not wait for us. */
static bool read_output(Health *health) {
    char buffer[HEALTH_OUTPUT_MAX];
    ssize_t n = read(health->source.fd, buffer, sizeof buffer);
    size_t room = HEALTH_OUTPUT_MAX - health->output.length;
    if (n > 0)
        text_append_bytes(&health->output, buffer, (size_t)n < room ? (size_t)n : room);
    health->cut |= n > 0 && (size_t)n > room;
    return n > 0;
}

static void on_output(void *owner, uint32_t events) {
    Health *health = owner;
    if (!read_output(health) && (events & EPOLLHUP || errno != EAGAIN))
        close_output(health);
}

static void fail_to_run(Health *health, const Error *why) {
    int64_t now = time_now();
    HealthResult result = {now, now, -1, text_copy(why->message)};
    conclude(health, &result);
}

static char *pid_file_of(const Health *health) {
    return path_join(health->container->bundle, pid_file_name);
}

static int spawn_exec(Health *health, const int fds[3], Error *err) {
    const Container *container = health->container;
    autofree char *pid_file = pid_file_of(health);
    TRY(file_remove(AT_FDCWD, pid_file, err));
    return runtime_exec_attached(&container->runtime, container->id, health->with.process, pid_file,
        fds, &health->probe, err);
}

static int spawn_probe(Health *health, const int fds[3], Error *err) {
    ProcessSpawn spawn = PROCESS_SPAWN_INIT;
    autofree char *program = NULL;
    autofree char *sandbox = text_format("/proc/%d/ns/net", (int)health->container->init.pid);
    autofree char *timeout =
        text_format("%lld", (long long)(health->with.timeout / TIME_MILLISECOND));
    TRY(process_find_program("tare-probe", &program, err));
    const char *const argv[] = {program, sandbox, health->with.url, timeout, NULL};
    spawn.argv = argv;
    memcpy(spawn.fds, fds, sizeof spawn.fds);
    return process_spawn(&spawn, &health->probe, err);
}

static int start_probe(Health *health, Error *err) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_set_errno(err, errno, "cannot make a pipe");
    autoclose int writer = ends[1];
    health->source.fd = ends[0];
    text_clear(&health->output);
    health->cut = health->timed_out = health->void_probe = false;
    health->probe_started = time_now();
    health->probe_began = time_monotonic();
    TRY(fd_set_nonblocking(ends[0], true, err));
    const int fds[3] = {-1, writer, writer};
    TRY(health->with.url ? spawn_probe(health, fds, err) : spawn_exec(health, fds, err));
    loop_watch(loop_of(health), &health->source, EPOLLIN);
    loop_arm(loop_of(health), &health->timer, health->with.timeout);
    return 0;
}

/* The process inside first: the runtime in front of it then ends by itself. */
static void end_probe(const Health *health) {
    autodone(Text) text = {};
    autofree char *pid_file = pid_file_of(health);
    Error ignored;
    uint64_t inside = 0;
    if (!health->with.url && file_read(AT_FDCWD, pid_file, 32, &text, &ignored) >= 0 &&
        text_parse_uint(text.data, "pid", &inside, &ignored) >= 0 && inside > 1)
        kill((pid_t)inside, SIGKILL);
    else
        kill(health->probe, SIGKILL);
}

static void on_timer(void *owner, uint32_t events) {
    Health *health = owner;
    Error err = {};
    if (health->probe > 0 && health->void_probe) { /* it takes its time to go */
        await_next(health);
    } else if (health->probe > 0) {
        health->timed_out = true;
        end_probe(health);
    } else if (start_probe(health, &err) < 0) {
        close_output(health);
        fail_to_run(health, &err);
    }
}

static char *take_output(Health *health) {
    char limit[TIME_TEXT_SIZE];
    if (health->cut)
        text_append(&health->output, "...");
    if (!health->timed_out)
        return text_take(&health->output);
    return text_format("Health check exceeded timeout (%s)%s%s",
        time_format_duration(health->with.timeout, limit), health->output.length ? ": " : "",
        health->output.length ? health->output.data : "");
}

pid_t health_probe(const Health *health) {
    return health ? health->probe : 0;
}

bool health_reaped(Health *health, pid_t pid, int status) {
    if (!health || pid != health->probe)
        return false;
    health->probe = 0;
    while (health->life_began && health->source.fd >= 0 && read_output(health))
        ;
    close_output(health);
    if (!health->life_began || health->void_probe) /* the container has ended, or was paused */
        return true;
    HealthResult result = {health->probe_started, time_now(),
        health->timed_out ? -1 : process_exit_code(status), take_output(health)};
    conclude(health, &result);
    return true;
}

/* What was asked of a container that stands still says nothing of it. */
void health_pause(Health *health) {
    if (!health)
        return;
    loop_disarm(loop_of(health), &health->timer);
    health->void_probe = true;
    if (health->probe > 0)
        end_probe(health);
}

void health_resume(Health *health) {
    if (health)
        await_next(health);
}

void health_begin(Health *health) {
    if (!health)
        return;
    health->status = HEALTH_STARTING;
    health->failing_streak = 0;
    health->life_began = time_monotonic();
    await_next(health);
}

void health_end(Health *health) {
    if (!health)
        return;
    health->life_began = 0;
    loop_disarm(loop_of(health), &health->timer);
    loop_disarm(loop_of(health), &health->stop_timer);
    if (health->probe > 0)
        kill(health->probe, SIGKILL);
}

static int64_t or_default(int64_t value, int64_t otherwise) {
    return value > 0 ? value : otherwise;
}

Health *health_new(Container *container, HealthOptions *options) {
    Health *health = new (Health);
    *health = (Health){.container = container,
        .with = *options,
        .source = {.fd = -1, .handle = on_output, .owner = health},
        .timer = {.handle = on_timer, .owner = health},
        .stop_timer = {.handle = on_stop_timer, .owner = health}};
    *options = (HealthOptions){};
    health->with.interval = or_default(health->with.interval, 30 * TIME_SECOND);
    health->with.timeout = or_default(health->with.timeout, 30 * TIME_SECOND);
    health->with.start_interval = or_default(health->with.start_interval, 5 * TIME_SECOND);
    health->with.retries = health->with.retries ? health->with.retries : 3;
    return health;
}

Health *health_free(Health *health) {
    if (!health)
        return NULL;
    health_end(health);
    close_output(health);
    for (unsigned i = 0; i < health->results_n; i++)
        free(health->results[i].output);
    text_done(&health->output);
    health_options_done(&health->with);
    free(health);
    return NULL;
}

void health_options_done(HealthOptions *options) {
    free(options->process);
    free(options->url);
    *options = (HealthOptions){};
}

HealthReport health_report(const Health *health) {
    return (HealthReport){
        health->status, health->failing_streak, health->results, health->results_n};
}
