// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/time.h"
#include "runtime/cgroup/oom.h"
#include "runtime/cgroup/resctrl.h"
#include "runtime/cgroup/statistics.h"
#include "runtime/command/command.h"

typedef struct EventsOptions {
    const char *interval;
    bool stats;
} EventsOptions;

#define T EventsOptions
static const Option options[] = {
    {0, "interval", OPTION_TEXT, offsetof(T, interval), "duration",
        "print what was used this often (default 5s)"},
    {0, "stats", OPTION_FLAG, offsetof(T, stats), NULL, "print what was used once, and end"},
    {},
};
#undef T

#define INTERVAL_DEFAULT (5 * TIME_SECOND)

typedef struct Event {
    char *type, *id;
    Statistics *data;
} Event;

#define T Event
static const JsonField event_fields[] = {
    {"type", JSON_TEXT, JSON_AT(type)},
    {"id", JSON_TEXT, JSON_AT(id)},
    {"data", JSON_OBJECT, JSON_AT(data), &statistics_type},
    {},
};
static const JsonType event_type = {sizeof(T), event_fields};
#undef T

/* The reader may wait for the line at the other end of a pipe. */
static void print(const Container *container, char *type, Statistics *data) {
    const Event event = {.type = type, .id = container->id, .data = data};
    autofree char *text = json_encode(&event_type, &event, 0);
    puts(text);
    fflush(stdout);
}

/* Of linux.intelRdt, which few containers have. New string. */
static char *read_schemata(const Container *container) {
    OciSpec spec = {};
    Error ignored;
    (void)container_load_config(container, &spec, &ignored);
    char *text = resctrl_statistics(spec.linux ? spec.linux->intel_rdt : NULL, container->id);
    json_done(&oci_spec_type, &spec);
    return text;
}

static int print_statistics(const Container *container, const Cgroup *cgroup, Error *err) {
    Statistics statistics = {};
    int r = cgroup_statistics(cgroup, &statistics, err);
    statistics.intel_rdt = read_schemata(container);
    if (r >= 0)
        print(container, (char[]){"stats"}, &statistics);
    json_done(&statistics_type, &statistics);
    return r;
}

/* Until the cgroup has come to its end, which is how `events` is told to stop. */
static int watch(const Container *container, const Cgroup *cgroup, int64_t interval, Error *err) {
    autodone(OomWatch) oom = {.fd = -1, .file = -1};
    TRY(oom_watch_open(&oom, cgroup, err));
    int64_t next = time_monotonic() + interval;
    for (;;) {
        struct pollfd wait = {.fd = oom.fd, .events = POLLIN};
        int64_t left = next - time_monotonic();
        int n = left > 0 ? poll(&wait, 1, (int)(left / TIME_MILLISECOND + 1)) : 0;
        if (n < 0 && errno != EINTR)
            return error_set_errno(err, errno, "cannot wait for events");
        OomNews news = OOM_NOTHING;
        while (n > 0 && (news = oom_watch_read(&oom)) == OOM_KILLED)
            print(container, (char[]){"oom"}, NULL);
        if (news == OOM_END)
            return 0;
        if (next > time_monotonic())
            continue;
        next += interval;
        int r = print_statistics(container, cgroup, err);
        if (r < 0)
            return r == ERROR_NOT_FOUND ? 0 : r;
    }
}

static int check(
    const Container *container, const EventsOptions *parsed, int64_t *ret_interval, Error *err) {
    *ret_interval = INTERVAL_DEFAULT;
    if (parsed->interval)
        TRY(time_parse_duration(parsed->interval, "interval", ret_interval, err));
    if (*ret_interval <= 0)
        return error_set(err, ERROR_INVALID, "duration interval must be greater than 0");
    if (container_status(container) == CONTAINER_STOPPED)
        return error_set(err, ERROR_STATE, "container with id %s is not running", container->id);
    return 0;
}

static int tell(const Subject *subject, Error *err) {
    const EventsOptions *parsed = subject->options;
    int64_t interval;
    TRY(check(subject->container, parsed, &interval, err));
    autodone(Cgroup) cgroup = {};
    container_load_cgroup(subject->container, &cgroup);
    return parsed->stats ? print_statistics(subject->container, &cgroup, err)
                         : watch(subject->container, &cgroup, interval, err);
}

const Command command_events = {"events", "ID",
    "print what a container uses, and when it runs out of memory", NULL, options, tell,
    sizeof(EventsOptions)};
