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
#include "shim/containerd/options.h"
#include "shim/delegate.h"
#include "shim/exit.h"
#include "shim/group.h"
#include "shim/record.h"
#include "shim/rootfs/mount.h"
#include "shim/runtime.h"
#include "shim/shim.h"

/* `delete`: the server was killed, or has only lost its last connection about this container. Ends
 * what is left of it, of a dead shim also the other containers, and prints a DeleteResponse.
 * Every step is tried whatever became of the others; when one fails, so does the command, and the
 * record of the container stays, by which the next attempt finds the rest. */

enum {
    KILLED = 128 + SIGKILL
};

static int run_delete(const char *id, const ShimRecord *record, const char *bundle, Error *err) {
    Runtime runtime = {.bundle = text_copy(bundle),
        .log = path_join(bundle, "log.json"),
        .root = text_copy(record->runtime_root),
        .arguments = texts_copy(record->runtime_arguments.item),
        .systemd_cgroup = record->systemd_cgroup.value};
    int r = runtime_find(record->runtime, &runtime.binary, err);
    if (r >= 0)
        r = runtime_delete(&runtime, id, err);
    runtime_done(&runtime);
    return r;
}

static int end_delegate(const char *id, const ShimRecord *record, const char *bundle, Error *err) {
    const DelegateOptions options = {.program = record->delegate,
        .id = id,
        .bundle = bundle,
        .name_space = record->name_space,
        .engine = record->engine};
    return delegate_clean_up(
        &options, record->delegate_address, (int)record->delegate_version.value, err);
}

/* A record that is there tells how it ended before the shim was killed. Where its directory is gone
 * nobody wants to know. */
static int find_exit(const ShimRecord *record, const char *bundle, ExitRecord *ended, Error *err) {
    autofree char *fallback = path_join(bundle, "exit.json");
    const char *path = record->exit_record ? record->exit_record : fallback;
    if (exit_record_load(path, ended, err) >= 0)
        return 0;
    int r = exit_record_save(path, ended, err);
    return r == ERROR_NOT_FOUND ? 0 : r;
}

/* The first failure is the one to tell of. */
static void note(int r, const Error *why, Error *first) {
    if (r >= 0)
        return;
    log_failure(LOG_LEVEL_WARNING, why);
    if (!first->code)
        *first = *why;
}

static ExitRecord end_container(
    const char *id, const ShimRecord *record, const char *bundle, Error *first) {
    autofree char *rootfs = path_join(bundle, "rootfs");
    ExitRecord ended = {KILLED, time_now(), .orphaned = true};
    Error why = {};
    bool created = record->runtime || record->delegate;
    if (record->delegate)
        note(end_delegate(id, record, bundle, &why), &why, first);
    else if (created)
        note(run_delete(id, record, bundle, &why), &why, first);
    note(mount_remove_all(rootfs, &why), &why, first);
    if (created)
        note(find_exit(record, bundle, &ended, &why), &why, first);
    if (record->attach_socket)
        note(file_remove(AT_FDCWD, record->attach_socket, &why), &why, first);
    return ended;
}

static bool is_served(const char *socket) {
    Error ignored;
    autoclose int fd = -1;
    return fd_connect(socket, &fd, &ignored) >= 0;
}

static void end_member(const char *bundle, const char *socket, Error *first) {
    Error ignored;
    ShimRecord record = {};
    if (shim_record_load(bundle, &record, &ignored) < 0)
        return;
    if (record.socket && text_equal(record.socket, socket))
        end_container(path_name(bundle), &record, bundle, first);
    shim_record_done(&record);
}

/* containerd may call `delete` for one container of a group only, the one for which it had called
 * `start`. The others lie beside it, in directories with their ids as names. */
static void end_members(const char *bundle, const ShimRecord *record, Error *first) {
    autofree char *parent = path_parent(bundle);
    DIR *stream = opendir(parent);
    for (struct dirent *entry; stream && (entry = readdir(stream));) {
        autofree char *sibling = path_join(parent, entry->d_name);
        if (entry->d_name[0] != '.' && !text_equal(sibling, bundle))
            end_member(sibling, record->socket, first);
    }
    if (stream)
        closedir(stream);
}

/* A shim that lives has other containers, or is about to end by itself. */
static void end_shim(const char *bundle, const ShimRecord *record, Error *first) {
    Error why = {};
    if (!record->socket || is_served(record->socket))
        return;
    note(file_remove(AT_FDCWD, record->socket, &why), &why, first);
    if (!record->group)
        return;
    group_forget(record->group, record->socket);
    end_members(bundle, record, first);
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
    Error problem = {}, first = {};
    if (text_is_empty(arguments->id))
        return error_set(err, ERROR_INVALID, "no container id: -id is missing");
    if (shim_record_load(bundle, &record, &problem) < 0)
        log_failure(LOG_LEVEL_WARNING, &problem);
    ExitRecord ended = end_container(arguments->id, &record, bundle, &first);
    end_shim(bundle, &record, &first);
    int r = print_response(&record, &ended, err);
    shim_record_done(&record);
    if (first.code) {
        *err = first;
        return err->code;
    }
    return r;
}
