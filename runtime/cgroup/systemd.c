// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "runtime/cgroup/gvariant.h"
#include "runtime/cgroup/systemd_request.h"
#include "runtime/cgroup/systemd_version.h"

/* tare-systemd: a program of its own, because the runtime is static and libsystemd is not. It does
 * what one request says (systemd_request.h) and ends. The only place that knows sd-bus.
 *
 * systemd works by jobs: a call queues one and answers with its path, the signal JobRemoved tells
 * what became of it (org.freedesktop.systemd1(5)). */

#define MANAGER "org.freedesktop.systemd1"
#define MANAGER_PATH "/org/freedesktop/systemd1"
#define MANAGER_INTERFACE "org.freedesktop.systemd1.Manager"
#define UNIT_INTERFACE "org.freedesktop.systemd1.Unit"
#define JOB_TIMEOUT (30 * TIME_SECOND)
#define ENDING_TIMEOUT (5 * TIME_SECOND)

typedef struct Job {
    char *path, *result;
    /* results that came before the call's own answer */
    char *early_path[16], *early_result[16];
    size_t early;
} Job;

typedef struct Client {
    sd_bus *bus;
    const SystemdRequest *request;
    unsigned version;
    Job job;
    char *control_group;
} Client;

static int fail(Error *err, int sys, const sd_bus_error *error, const char *what) {
    if (error && error->message)
        return error_set(err, ERROR_UNAVAILABLE, "%s: %s", what, error->message);
    return error_set_errno(err, sys < 0 ? -sys : sys, "%s", what);
}

/* systemd's own socket needs no D-Bus daemon, but is root's. */
static int open_private(sd_bus **ret) {
    sd_bus *bus = NULL;
    int r = sd_bus_new(&bus);
    if (r >= 0)
        r = sd_bus_set_address(bus, "unix:path=/run/systemd/private");
    if (r >= 0)
        r = sd_bus_start(bus);
    if (r < 0)
        return sd_bus_unref(bus), r;
    *ret = bus;
    return 0;
}

static int connect_bus(Client *client, Error *err) {
    bool user = client->request->user.value;
    int r = !user && geteuid() == 0 ? open_private(&client->bus) : -ENOENT;
    if (r < 0)
        r = user ? sd_bus_open_user(&client->bus) : sd_bus_open_system(&client->bus);
    return r < 0 ? fail(err, r, NULL,
                       user ? "cannot reach the user's systemd over D-Bus (is there a session with "
                              "XDG_RUNTIME_DIR?)"
                            : "cannot reach systemd over D-Bus")
                 : 0;
}

static int append_value(sd_bus_message *m, const GvariantValue *value);

static int append_items(sd_bus_message *m, const GvariantValue *value) {
    char kind = *value->signature == 'a' ? SD_BUS_TYPE_ARRAY : SD_BUS_TYPE_STRUCT;
    autofree char *contents = text_copy(value->signature + 1);
    if (kind == SD_BUS_TYPE_STRUCT)
        contents[strlen(contents) - 1] = '\0';
    int r = sd_bus_message_open_container(m, kind, contents);
    for (size_t i = 0; r >= 0 && i < value->n; i++)
        r = append_value(m, &value->item[i]);
    return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_value(sd_bus_message *m, const GvariantValue *value) {
    char type = *value->signature;
    union {
        uint8_t y;
        int b;
        uint16_t q;
        uint32_t u;
        uint64_t t;
        double d;
    } number = {.t = value->number};
    switch (type) {
    case 'a':
    case '(':
        return append_items(m, value);
    case 's':
    case 'o':
    case 'g':
        return sd_bus_message_append_basic(m, type, value->text);
    case 'd':
        number.d = value->real;
        break;
    case 'y':
        number.y = (uint8_t)value->number;
        break;
    case 'b':
        number.b = value->number != 0;
        break;
    case 'n':
    case 'q':
        number.q = (uint16_t)value->number;
        break;
    case 'i':
    case 'u':
        number.u = (uint32_t)value->number;
        break;
    default: /* x t */
        break;
    }
    return sd_bus_message_append_basic(m, type, &number);
}

static int append_property(
    sd_bus_message *m, const char *name, const GvariantValue *value, Error *err) {
    int r = sd_bus_message_open_container(m, SD_BUS_TYPE_STRUCT, "sv");
    r = r < 0 ? r : sd_bus_message_append_basic(m, 's', name);
    r = r < 0 ? r : sd_bus_message_open_container(m, SD_BUS_TYPE_VARIANT, value->signature);
    r = r < 0 ? r : append_value(m, value);
    r = r < 0 ? r : sd_bus_message_close_container(m);
    r = r < 0 ? r : sd_bus_message_close_container(m);
    return r < 0 ? fail(err, r, NULL, name) : 0;
}

/* "TimeoutStopSec" of a configuration is "TimeoutStopUSec" on the bus. */
static bool is_in_seconds(const char *name) {
    size_t n = strlen(name);
    return n > 3 && text_ends(name, "Sec") && name[n - 4] >= 'a' && name[n - 4] <= 'z';
}

static int append_annotation(
    sd_bus_message *m, const char *name, GvariantValue *value, Error *err) {
    if (!is_in_seconds(name))
        return append_property(m, name, value, err);
    TRY(gvariant_seconds_to_usec(value, err));
    autofree char *usec = text_format("%.*sUSec", (int)(strlen(name) - 3), name);
    return append_property(m, usec, value, err);
}

typedef int Append(sd_bus_message *m, const char *name, GvariantValue *value, Error *err);

static int append_one(
    sd_bus_message *m, const char *name, const char *text, Append *append, Error *err) {
    autodone(GvariantValue) value = {};
    int r = gvariant_parse(text, &value, err);
    r = r < 0 ? r : append(m, name, &value, err);
    return r < 0 ? error_prefix(err, "property %s=%s", name, text) : 0;
}

static int append_limit(sd_bus_message *m, const char *name, GvariantValue *value, Error *err) {
    return append_property(m, name, value, err);
}

static int append_maps(sd_bus_message *m, const Client *client, Error *err) {
    const JsonMap *limits = &client->request->properties;
    const JsonMap *annotations = &client->request->annotations;
    for (size_t i = 0; i < limits->n; i++)
        if (systemd_version_knows(client->version, limits->key[i], limits->value[i]))
            TRY(append_one(m, limits->key[i], limits->value[i], append_limit, err));
    for (size_t i = 0; i < annotations->n; i++)
        TRY(append_one(m, annotations->key[i], annotations->value[i], append_annotation, err));
    return 0;
}

static int append_properties(sd_bus_message *m, const Client *client, pid_t pid, Error *err) {
    int r = sd_bus_message_open_container(m, SD_BUS_TYPE_ARRAY, "(sv)");
    if (r < 0)
        return fail(err, r, NULL, "cannot write a message");
    if (pid) {
        autofree char *text = text_format("[uint32 %d]", pid);
        autodone(GvariantValue) pids = {};
        TRY(gvariant_parse(text, &pids, err));
        TRY(append_property(m, "PIDs", &pids, err));
    }
    TRY(append_maps(m, client, err));
    r = sd_bus_message_close_container(m);
    return r < 0 ? fail(err, r, NULL, "cannot write a message") : 0;
}

static int on_job_removed(sd_bus_message *m, void *argument, sd_bus_error *ignored) {
    Job *job = argument;
    const char *path, *unit, *result;
    uint32_t id;
    if (sd_bus_message_read(m, "uoss", &id, &path, &unit, &result) < 0)
        return 0;
    if (job->path && strcmp(path, job->path) == 0 && !job->result)
        job->result = text_copy(result);
    if (!job->path && job->early < array_size(job->early_path)) {
        job->early_path[job->early] = text_copy(path);
        job->early_result[job->early++] = text_copy(result);
    }
    return 0;
}

static int ask_property(Client *client, const char *name, char **ret, Error *err) {
    sd_bus_error error = SD_BUS_ERROR_NULL;
    autofree char *what = text_format("cannot ask systemd for its %s", name);
    int r = sd_bus_get_property_string(
        client->bus, MANAGER, MANAGER_PATH, MANAGER_INTERFACE, name, &error, ret);
    if (r < 0)
        fail(err, r, &error, what);
    sd_bus_error_free(&error);
    return r < 0 ? err->code : 0;
}

static int ask_version(Client *client, Error *err) {
    autofree char *version = NULL;
    TRY(ask_property(client, "Version", &version, err));
    return systemd_version_parse(version, &client->version, err);
}

static int watch_jobs(Client *client, Error *err) {
    int r = sd_bus_match_signal(client->bus, NULL, NULL, MANAGER_PATH, MANAGER_INTERFACE,
        "JobRemoved", on_job_removed, &client->job);
    return r < 0 ? fail(err, r, NULL, "cannot watch systemd's jobs") : 0;
}

static void set_job(Job *job, const char *path) {
    job->path = text_copy(path);
    for (size_t i = 0; i < job->early && !job->result; i++)
        if (strcmp(job->early_path[i], path) == 0)
            job->result = text_copy(job->early_result[i]);
}

static int wait_for_job(Client *client, const char *act, Error *err) {
    int64_t deadline = time_monotonic() + JOB_TIMEOUT;
    while (!client->job.result) {
        int64_t left = deadline - time_monotonic();
        if (left <= 0)
            return error_set(err, ERROR_TIMEOUT, "timed out while waiting for systemd to %s %s",
                act, client->request->unit);
        int r = sd_bus_process(client->bus, NULL);
        if (r == 0)
            r = sd_bus_wait(client->bus, (uint64_t)left / 1000);
        if (r < 0)
            return fail(err, r, NULL, "lost the connection to systemd");
    }
    if (strcmp(client->job.result, "done") == 0)
        return 0;
    return error_set(err, ERROR_STATE, "cannot %s systemd unit '%s': its job ended with \"%s\"",
        act, client->request->unit, client->job.result);
}

static void reset_failed(Client *client) {
    (void)sd_bus_call_method(client->bus, MANAGER, MANAGER_PATH, MANAGER_INTERFACE,
        "ResetFailedUnit", NULL, NULL, "s", client->request->unit);
}

/* `call` with its answer, a job's path if it has one. */
static int call(Client *client, sd_bus_message *m, const char *what, bool gives_job, Error *err) {
    sd_bus_error error = SD_BUS_ERROR_NULL;
    sd_bus_message *reply = NULL;
    const char *path = NULL;
    int r = sd_bus_call(client->bus, m, 0, &error, &reply);
    if (r >= 0 && gives_job)
        r = sd_bus_message_read(reply, "o", &path);
    if (r < 0) {
        fail(err, r, &error, what);
        if (sd_bus_error_has_name(&error, "org.freedesktop.systemd1.UnitExists"))
            err->code = ERROR_EXISTS;
        if (sd_bus_error_has_name(&error, "org.freedesktop.systemd1.NoSuchUnit"))
            err->code = ERROR_NOT_FOUND;
    } else if (path) {
        set_job(&client->job, path);
    }
    sd_bus_error_free(&error);
    sd_bus_message_unref(reply);
    return r < 0 ? err->code : 0;
}

static int new_call(Client *client, const char *method, sd_bus_message **ret, Error *err) {
    int r = sd_bus_message_new_method_call(
        client->bus, ret, MANAGER, MANAGER_PATH, MANAGER_INTERFACE, method);
    return r < 0 ? fail(err, r, NULL, "cannot write a message") : 0;
}

static int start_once(Client *client, Error *err) {
    sd_bus_message *m = NULL;
    autofree char *what = text_format("cannot start systemd unit '%s'", client->request->unit);
    TRY(new_call(client, "StartTransientUnit", &m, err));
    int r = sd_bus_message_append(m, "ss", client->request->unit, "replace");
    r = r < 0 ? fail(err, r, NULL, what) : append_properties(m, client, getpid(), err);
    if (r >= 0) {
        int appended = sd_bus_message_append(m, "a(sa(sv))", 0);
        r = appended < 0 ? fail(err, appended, NULL, what) : call(client, m, what, true, err);
    }
    sd_bus_message_unref(m);
    return r;
}

/* One that cannot be asked any more has just gone. */
static bool is_active(Client *client) {
    autofree char *state = NULL, *path = NULL;
    if (sd_bus_path_encode("/org/freedesktop/systemd1/unit", client->request->unit, &path) < 0 ||
        sd_bus_get_property_string(
            client->bus, MANAGER, path, UNIT_INTERFACE, "ActiveState", NULL, &state) < 0)
        return false;
    return strcmp(state, "inactive") != 0 && strcmp(state, "failed") != 0 &&
           strcmp(state, "deactivating") != 0;
}

/* A unit of that name may be about to go: one that failed stays until it is told to, one that was
 * stopped until systemd finds the time to forget it. */
static int start(Client *client, Error *err) {
    int64_t deadline = time_monotonic() + ENDING_TIMEOUT;
    int r;
    TRY(ask_version(client, err));
    TRY(watch_jobs(client, err));
    while ((r = start_once(client, err)) == ERROR_EXISTS && !is_active(client) &&
           time_monotonic() < deadline) {
        reset_failed(client);
        time_sleep(TIME_MILLISECOND);
    }
    TRY(r);
    r = wait_for_job(client, "start", err);
    if (r < 0)
        reset_failed(client);
    return r;
}

static int set(Client *client, Error *err) {
    sd_bus_message *m = NULL;
    autofree char *what =
        text_format("cannot set properties of systemd unit '%s'", client->request->unit);
    TRY(ask_version(client, err));
    TRY(new_call(client, "SetUnitProperties", &m, err));
    int r = sd_bus_message_append(m, "sb", client->request->unit, 1); /* until the next boot */
    r = r < 0 ? fail(err, r, NULL, what) : append_properties(m, client, 0, err);
    r = r < 0 ? r : call(client, m, what, false, err);
    sd_bus_message_unref(m);
    return r;
}

static int attach(Client *client, Error *err) {
    sd_bus_message *m = NULL;
    autofree char *what =
        text_format("error adding pid %lld to cgroups", (long long)client->request->pid.value);
    TRY(new_call(client, "AttachProcessesToUnit", &m, err));
    const char *group = client->request->group;
    int r = sd_bus_message_append(m, "ssau", client->request->unit, group ? group : "", 1,
        (uint32_t)client->request->pid.value);
    r = r < 0 ? fail(err, r, NULL, what) : call(client, m, what, false, err);
    sd_bus_message_unref(m);
    return r;
}

/* ERROR_NOT_FOUND: systemd knows no such unit. */
static int stop(Client *client, Error *err) {
    sd_bus_message *m = NULL;
    autofree char *what = text_format("cannot stop systemd unit '%s'", client->request->unit);
    TRY(watch_jobs(client, err));
    TRY(new_call(client, "StopUnit", &m, err));
    int r = sd_bus_message_append(m, "ss", client->request->unit, "replace");
    r = r < 0 ? fail(err, r, NULL, what) : call(client, m, what, true, err);
    sd_bus_message_unref(m);
    if (r >= 0)
        r = wait_for_job(client, "stop", err);
    reset_failed(client);
    return r == ERROR_STATE ? 0 : r;
}

static int ask_manager(Client *client, Error *err) {
    return ask_property(client, "ControlGroup", &client->control_group, err);
}

typedef struct Act {
    const char *name;
    int (*run)(Client *client, Error *err);
    bool needs_unit;
} Act;

static const Act acts[] = {
    {SYSTEMD_START, start, true},
    {SYSTEMD_SET, set, true},
    {SYSTEMD_ATTACH, attach, true},
    {SYSTEMD_STOP, stop, true},
    {SYSTEMD_MANAGER, ask_manager, false},
};

static int act(Client *client, Error *err) {
    for (size_t i = 0; i < array_size(acts); i++)
        if (strcmp(acts[i].name, client->request->act) == 0) {
            if (acts[i].needs_unit && text_is_empty(client->request->unit))
                return error_set(err, ERROR_INVALID, "no unit is named");
            TRY(connect_bus(client, err));
            return acts[i].run(client, err);
        }
    return error_set(err, ERROR_INVALID, "unknown act \"%s\"", client->request->act);
}

static void client_done(Client *client) {
    sd_bus_flush_close_unref(client->bus);
    free(client->job.path);
    free(client->job.result);
    for (size_t i = 0; i < client->job.early; i++) {
        free(client->job.early_path[i]);
        free(client->job.early_result[i]);
    }
    free(client->control_group);
}

static int read_request(SystemdRequest *ret, Error *err) {
    autodone(Text) line = {};
    char c;
    ssize_t n;
    text_append(&line, "");
    while ((n = read(STDIN_FILENO, &c, 1)) != 0 && c != '\n') {
        if (n < 0 && errno != EINTR)
            return error_set_errno(err, errno, "cannot read the request");
        if (line.length == SYSTEMD_LINE_MAX)
            return error_set(err, ERROR_EXHAUSTED, "the request is too long");
        if (n > 0)
            text_append_char(&line, c);
    }
    return json_decode(&systemd_request_type, line.data, line.length, ret, err);
}

static int answer(const Client *client, int result, const Error *err) {
    Error ignored;
    const SystemdAnswer document = {.code = {true, result < 0 ? err->code : 0},
        .message = result < 0 ? (char *)(uintptr_t)err->message : NULL,
        .control_group = client->control_group};
    autofree char *text = json_encode(&systemd_answer_type, &document, 0);
    autofree char *line = text_format("%s\n", text);
    return fd_write_all(STDOUT_FILENO, line, strlen(line), &ignored);
}

/* Nobody else is in the new scope yet. */
static void wait_in_scope(void) {
    char c;
    while (read(STDIN_FILENO, &c, 1) < 0 && errno == EINTR)
        ;
}

int main(void) {
    SystemdRequest request = {};
    Client client = {.request = &request};
    Error err = {};
    int r = read_request(&request, &err);
    r = r < 0 ? r : act(&client, &err);
    if (answer(&client, r, &err) >= 0 && r >= 0 && strcmp(request.act, SYSTEMD_START) == 0)
        wait_in_scope();
    client_done(&client);
    json_done(&systemd_request_type, &request);
    return r < 0;
}
