// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/systemd_client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/process.h"
#include "runtime/cgroup/subgroup.h"
#include "runtime/cgroup/systemd_request.h"
#include "runtime/cgroup/systemd_unit.h"

/* A running tare-systemd. */
typedef struct Program {
    pid_t pid;
    int socket; /* our end; its standard input and output are the other */
} Program;

int systemd_check(Error *err) {
    if (file_exists(AT_FDCWD, "/run/systemd/system"))
        return 0;
    return error_set(err, ERROR_UNAVAILABLE,
        "systemd cgroup flag passed, but systemd support for managing cgroups is not available: "
        "systemd does not run this machine");
}

static int spawn(Program *ret, Error *err) {
    autofree char *path = NULL;
    int pair[2];
    if (process_find_program("tare-systemd", &path, err) < 0)
        return error_prefix(err, "--systemd-cgroup");
    const char *argv[] = {path, NULL};
    ProcessSpawn program = PROCESS_SPAWN_INIT;
    program.argv = argv;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return error_set_errno(err, errno, "cannot make a pair of sockets");
    program.fds[0] = program.fds[1] = pair[1];
    program.fds[2] = STDERR_FILENO;
    int r = process_spawn(&program, &ret->pid, err);
    close(pair[1]);
    ret->socket = pair[0];
    return r;
}

static void program_end(Program *program) {
    if (program->socket >= 0)
        close(program->socket);
    if (program->pid > 0)
        waitpid(program->pid, NULL, 0);
    *program = (Program){.socket = -1};
}

/* A program that could not even be loaded is no reason to die by SIGPIPE. */
static int send_all(int socket, const char *data, size_t n, Error *err) {
    while (n) {
        ssize_t sent = send(socket, data, n, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR)
            return error_set_errno(err, errno, "cannot ask tare-systemd");
        data += sent > 0 ? sent : 0;
        n -= sent > 0 ? (size_t)sent : 0;
    }
    return 0;
}

static int read_line(int fd, Text *ret, Error *err) {
    char c = '\0';
    ssize_t n;
    text_append(ret, "");
    while ((n = read(fd, &c, 1)) != 0 && c != '\n') {
        if (n < 0 && errno != EINTR)
            return error_set_errno(err, errno, "cannot read tare-systemd's answer");
        if (n > 0)
            text_append_char(ret, c);
    }
    return c == '\n' ? 0 : error_set(err, ERROR_UNAVAILABLE, "tare-systemd ended without a word");
}

static int read_answer(const Program *program, char **ret_group, Error *err) {
    autodone(Text) line = {};
    SystemdAnswer answer = {};
    TRY(read_line(program->socket, &line, err));
    int r = json_decode(&systemd_answer_type, line.data, line.length, &answer, err);
    if (r >= 0 && answer.code.value < 0)
        r = error_set(err, (int)answer.code.value, "%s", answer.message ? answer.message : "");
    if (r >= 0 && ret_group)
        *ret_group = take_ptr(&answer.control_group);
    json_done(&systemd_answer_type, &answer);
    return r;
}

static int ask(Program *program, const SystemdRequest *request, char **ret_group, Error *err) {
    autofree char *text = json_encode(&systemd_request_type, request, 0);
    autofree char *line = text_format("%s\n", text);
    TRY(spawn(program, err));
    TRY(send_all(program->socket, line, strlen(line), err));
    return read_answer(program, ret_group, err);
}

static int ask_once(const SystemdRequest *request, char **ret_group, Error *err) {
    Program program = {.socket = -1};
    int r = ask(&program, request, ret_group, err);
    program_end(&program);
    return r;
}

int systemd_manager_group(char **ret, Error *err) {
    const SystemdRequest request = {.act = (char[]){SYSTEMD_MANAGER}, .user = {true, true}};
    TRY(ask_once(&request, ret, err));
    return *ret ? 0 : error_set(err, ERROR_UNAVAILABLE, "systemd does not say its control group");
}

static int fill(
    const Cgroup *cgroup, const OciResources *resources, SystemdRequest *ret, Error *err) {
    const SystemdUnit unit = {.slice = cgroup->slice, .name = cgroup->unit};
    systemd_unit_properties(&unit, cgroup->unit, cgroup->v2, &ret->properties);
    systemd_device_properties(resources, &ret->properties);
    if (cgroup->v2)
        systemd_oom_property(resources, &ret->properties);
    TRY(systemd_limit_properties(resources, cgroup->v2, &ret->properties, err));
    return cgroup->annotations
               ? systemd_annotation_properties(cgroup->annotations, &ret->annotations, err)
               : 0;
}

int systemd_start(Cgroup *cgroup, const OciResources *resources, Error *err) {
    Program program = {.socket = -1};
    SystemdRequest request = {
        .act = (char[]){SYSTEMD_START}, .unit = cgroup->unit, .user = {true, cgroup->user}};
    int r = fill(cgroup, resources, &request, err);
    r = r < 0 ? r : ask(&program, &request, NULL, err);
    json_map_done(&request.properties);
    json_map_done(&request.annotations);
    if (r < 0) {
        program_end(&program);
        return r;
    }
    cgroup->keeper = program.pid;
    cgroup->keeper_socket = program.socket;
    return 0;
}

void systemd_release(Cgroup *cgroup) {
    Program program = {cgroup->keeper, cgroup->keeper_socket};
    Error ignored;
    if (cgroup->keeper <= 0)
        return;
    /* processes that we cloned may hold the socket as well: a byte ends the wait, too */
    (void)send_all(program.socket, "\n", 1, &ignored);
    program_end(&program);
    cgroup->keeper = 0;
    cgroup->keeper_socket = -1;
}

int systemd_set(const Cgroup *cgroup, const OciResources *resources, Error *err) {
    SystemdRequest request = {
        .act = (char[]){SYSTEMD_SET}, .unit = cgroup->unit, .user = {true, cgroup->user}};
    int r = systemd_limit_properties(resources, cgroup->v2, &request.properties, err);
    r = r < 0 ? r : ask_once(&request, NULL, err);
    json_map_done(&request.properties);
    return r;
}

int systemd_attach(const Cgroup *cgroup, const char *path, int pid, Error *err) {
    autofree char *group = text_copy(subgroup_below_unit(cgroup, path));
    const SystemdRequest request = {.act = (char[]){SYSTEMD_ATTACH},
        .unit = cgroup->unit,
        .user = {true, cgroup->user},
        .pid = {true, pid},
        .group = group};
    return ask_once(&request, NULL, err);
}

int systemd_stop(const Cgroup *cgroup, Error *err) {
    const SystemdRequest request = {
        .act = (char[]){SYSTEMD_STOP}, .unit = cgroup->unit, .user = {true, cgroup->user}};
    return ask_once(&request, NULL, err);
}
