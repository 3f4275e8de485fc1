// SPDX-License-Identifier: Apache-2.0
#include "bootstrap/command.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/memory.h"
#include "base/process.h"
#include "base/time.h"
#include "proto/containerd/task/v3/task.pb-c.h"

enum {
    ANSWER_MAX = 64 * 1024,
    COMPLAINT_MAX = 2048,
};
static const int64_t timeout = 120 * TIME_SECOND; /* delete waits for file systems */

/* containerd's variables for shims; those that came from our own caller are not for this one. An
 * older shim is asked for its newest form of the answer, and Go's share two threads. */
static char **make_environment(const BootstrapCommand *with) {
    static const char *const names[] = {"TTRPC_ADDRESS=", "GRPC_ADDRESS=", "NAMESPACE=",
        "MAX_SHIM_VERSION=", "GOMAXPROCS=", "CONTAINERD_NAMESPACE="};
    const char *const values[] = {with->events, with->engine, with->name_space, "3", "2", ""};
    static_assert(array_size(names) == array_size(values), "one value for each name");
    char **result = new_array(char *, texts_count(environ) + array_size(names) + 1);
    size_t n = 0;
    for (char **item = environ; *item; item++) {
        bool replaced = false;
        for (size_t i = 0; i < array_size(names); i++)
            replaced |= text_starts(*item, names[i]);
        if (!replaced)
            result[n++] = text_copy(*item);
    }
    for (size_t i = 0; i < array_size(names); i++)
        result[n++] = text_format("%s%s", names[i], values[i] ? values[i] : "");
    return result;
}

/* The runtime's options are what `start` reads from its standard input. */
static int open_options(const ProtobufCMessage *options, int *ret, Error *err) {
    autoclose int fd = memfd_create("options", MFD_CLOEXEC);
    if (fd < 0)
        return error_set_errno(err, errno, "cannot make a file for the runtime's options");
    size_t n = options ? protobuf_c_message_get_packed_size(options) : 0;
    autofree uint8_t *data = memory_new(n + 1);
    if (options)
        protobuf_c_message_pack(options, data);
    TRY(fd_write_all(fd, data, n, err));
    lseek(fd, 0, SEEK_SET);
    *ret = take_fd(&fd);
    return 0;
}

/* The end of what it wrote to standard error, on one line. */
static char *read_complaint(int fd) {
    char buffer[COMPLAINT_MAX];
    off_t size = lseek(fd, 0, SEEK_END);
    off_t from = size > COMPLAINT_MAX ? size - COMPLAINT_MAX : 0;
    ssize_t n = pread(fd, buffer, sizeof buffer, from);
    while (n > 0 && strchr(" \r\n", buffer[n - 1]))
        n--;
    for (ssize_t i = 0; i < n; i++)
        if (buffer[i] == '\n')
            buffer[i] = ' ';
    return text_copy_n(buffer, n > 0 ? (size_t)n : 0);
}

/* Runs a shim with `spawn`'s arguments, environment and directory. */
static int run_program(
    ProcessSpawn *spawn, const char *action, int input, Text *ret_output, Error *err) {
    autoclose int complaints = memfd_create("shim", MFD_CLOEXEC);
    int status = 0;
    spawn->fds[0] = input;
    spawn->fds[2] = complaints;
    TRY(process_run(spawn, ANSWER_MAX, timeout, ret_output, &status, err));
    if (process_exit_code(status) == 0)
        return 0;
    autofree char *complaint = read_complaint(complaints);
    return error_set(err, ERROR_INTERNAL, "'%s %s' failed with status %d%s%s", spawn->argv[0],
        action, process_exit_code(status), *complaint ? ": " : "", complaint);
}

static int run(
    const BootstrapCommand *with, const char *action, int input, Text *ret_output, Error *err) {
    const char *argv[16] = {with->program, "-namespace", with->name_space, "-address",
        with->engine ? with->engine : "", "-id", with->id};
    size_t n = 7;
    if (with->publish_binary) {
        argv[n++] = "-publish-binary";
        argv[n++] = with->publish_binary;
    }
    if (text_equal(action, "delete")) {
        argv[n++] = "-bundle";
        argv[n++] = with->bundle;
    }
    argv[n++] = action;
    autotexts char **environment = make_environment(with);
    ProcessSpawn spawn = PROCESS_SPAWN_INIT;
    spawn.argv = argv;
    spawn.environ = (const char *const *)environment;
    spawn.directory = with->bundle;
    return run_program(&spawn, action, input, ret_output, err);
}

int bootstrap_command_start(const BootstrapCommand *command, BootstrapAnswer *ret, Error *err) {
    autodone(Text) output = {};
    autoclose int input = -1;
    TRY(open_options(command->options, &input, err));
    TRY(run(command, "start", input, &output, err));
    if (bootstrap_answer_decode(output.data, output.length, ret, err) < 0)
        return error_prefix(err, "'%s start'", command->program);
    return 0;
}

int bootstrap_command_delete(const BootstrapCommand *command, int *ret_exit_code, Error *err) {
    autodone(Text) output = {};
    TRY(run(command, "delete", -1, &output, err));
    Containerd__Task__V3__DeleteResponse *response = containerd__task__v3__delete_response__unpack(
        NULL, output.length, (const uint8_t *)output.data);
    if (!response)
        return error_set(err, ERROR_CORRUPT, "'%s delete': malformed answer", command->program);
    *ret_exit_code = (int)response->exit_status;
    containerd__task__v3__delete_response__free_unpacked(response, NULL);
    return 0;
}

int bootstrap_command_info(
    const char *program, const ProtobufCMessage *options, Text *ret, Error *err) {
    const char *const argv[] = {program, "-info", NULL};
    autoclose int input = -1;
    ProcessSpawn spawn = PROCESS_SPAWN_INIT;
    spawn.argv = argv;
    TRY(open_options(options, &input, err));
    return run_program(&spawn, "-info", input, ret, err);
}
