// SPDX-License-Identifier: Apache-2.0
#include "base/cleanup.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/text.h"
#include "base/time.h"
#include "proto/containerd/task/v3/task.pb-c.h"
#include "shim/exit.h"
#include "shim/group.h"
#include "shim/mount.h"
#include "shim/options.h"
#include "shim/record.h"
#include "shim/runtime.h"
#include "shim/shim.h"

/* `delete`: the server was killed, or has only lost its last connection about this container. Ends
 * what is left of it, of a dead shim also the other containers, and prints a DeleteResponse.
 * Every step is tried whatever became of the others. */

enum {
    KILLED = 128 + SIGKILL
};

static void warn(int r, const Error *err) {
    if (r < 0)
        log_failure(LOG_LEVEL_WARNING, err);
}

static void run_delete(const char *id, const ShimRecord *record, const char *bundle) {
    Error err = {};
    Runtime runtime = {.bundle = text_copy(bundle),
        .log = path_join(bundle, "log.json"),
        .root = text_copy(record->runtime_root),
        .systemd_cgroup = record->systemd_cgroup.value};
    int r = runtime_find(record->runtime, &runtime.binary, &err);
    if (r >= 0)
        r = runtime_delete(&runtime, id, &err);
    warn(r, &err);
    runtime_done(&runtime);
}

/* A record that is there tells how it ended before the shim was killed. */
static ExitRecord find_exit(const ShimRecord *record, const char *bundle) {
    Error err = {};
    ExitRecord ended = {KILLED, time_now(), false};
    autofree char *fallback = path_join(bundle, "exit.json");
    const char *path = record->exit_record ? record->exit_record : fallback;
    if (exit_record_load(path, &ended, &err) < 0)
        warn(exit_record_save(path, &ended, &err), &err);
    return ended;
}

static ExitRecord end_container(const char *id, const ShimRecord *record, const char *bundle) {
    autofree char *rootfs = path_join(bundle, "rootfs");
    Error err = {};
    bool created = record->runtime;
    if (created)
        run_delete(id, record, bundle);
    warn(mount_remove_all(rootfs, &err), &err);
    if (record->attach_socket)
        warn(file_remove(AT_FDCWD, record->attach_socket, &err), &err);
    return created ? find_exit(record, bundle) : (ExitRecord){KILLED, time_now(), false};
}

static bool is_served(const char *socket) {
    Error ignored;
    autoclose int fd = -1;
    return fd_connect(socket, &fd, &ignored) >= 0;
}

static void end_member(const char *bundle, const char *socket) {
    Error ignored;
    ShimRecord record = {};
    if (shim_record_load(bundle, &record, &ignored) < 0)
        return;
    if (record.socket && text_equal(record.socket, socket))
        end_container(path_name(bundle), &record, bundle);
    shim_record_done(&record);
}

/* containerd may call `delete` for one container of a group only, the one for which it had called
 * `start`. The others lie beside it, in directories with their ids as names. */
static void end_members(const char *bundle, const ShimRecord *record) {
    autofree char *parent = path_parent(bundle);
    DIR *stream = opendir(parent);
    for (struct dirent *entry; stream && (entry = readdir(stream));) {
        autofree char *sibling = path_join(parent, entry->d_name);
        if (entry->d_name[0] != '.' && !text_equal(sibling, bundle))
            end_member(sibling, record->socket);
    }
    if (stream)
        closedir(stream);
}

/* A shim that lives has other containers, or is about to end by itself. */
static void end_shim(const char *bundle, const ShimRecord *record) {
    Error err = {};
    if (!record->socket || is_served(record->socket))
        return;
    warn(file_remove(AT_FDCWD, record->socket, &err), &err);
    if (!record->group)
        return;
    group_forget(record->group, record->socket);
    end_members(bundle, record);
}

static int print_response(const ShimRecord *record, const ExitRecord *ended, Error *err) {
    Containerd__Task__V3__DeleteResponse response = CONTAINERD__TASK__V3__DELETE_RESPONSE__INIT;
    Google__Protobuf__Timestamp at = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    uint8_t bytes[128];
    at.seconds = ended->at / TIME_SECOND;
    at.nanos = (int32_t)(ended->at % TIME_SECOND);
    response.pid = (uint32_t)record->pid.value;
    response.exit_status = (uint32_t)ended->status;
    response.exited_at = &at;
    size_t n = containerd__task__v3__delete_response__pack(&response, bytes);
    return fd_write_all(STDOUT_FILENO, bytes, n, err);
}

int shim_delete(const ShimArguments *arguments, Error *err) {
    autofree char *bundle =
        path_absolute(text_is_empty(arguments->bundle) ? "." : arguments->bundle);
    ShimRecord record = {};
    Error problem = {};
    if (text_is_empty(arguments->id))
        return error_set(err, ERROR_INVALID, "no container id: -id is missing");
    warn(shim_record_load(bundle, &record, &problem), &problem);
    ExitRecord ended = end_container(arguments->id, &record, bundle);
    end_shim(bundle, &record);
    int r = print_response(&record, &ended, err);
    shim_record_done(&record);
    return r;
}
