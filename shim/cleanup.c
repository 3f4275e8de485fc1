// SPDX-License-Identifier: Apache-2.0
#include "base/cleanup.h"

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
#include "shim/mount.h"
#include "shim/options.h"
#include "shim/record.h"
#include "shim/runtime.h"
#include "shim/shim.h"

/* `delete`: the server was killed. Ends what is left of its container and prints a DeleteResponse.
 * Every step is tried whatever became of the others. */

enum {
    KILLED = 128 + SIGKILL
};

static void warn(int r, const Error *err) {
    if (r < 0)
        log_failure(LOG_LEVEL_WARNING, err);
}

static void end_container(
    const ShimArguments *arguments, const ShimRecord *record, const char *bundle) {
    Error err = {};
    Runtime runtime = {.bundle = text_copy(bundle),
        .log = path_join(bundle, "log.json"),
        .root = text_copy(record->runtime_root),
        .systemd_cgroup = record->systemd_cgroup.value};
    int r = runtime_find(record->runtime, &runtime.binary, &err);
    if (r >= 0)
        r = runtime_delete(&runtime, arguments->id, &err);
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
    autofree char *rootfs = path_join(bundle, "rootfs");
    ShimRecord record = {};
    Error problem = {};
    if (text_is_empty(arguments->id))
        return error_set(err, ERROR_INVALID, "no container id: -id is missing");
    warn(shim_record_load(bundle, &record, &problem), &problem);
    bool created = record.runtime;
    if (created)
        end_container(arguments, &record, bundle);
    warn(mount_remove_all(rootfs, &problem), &problem);
    ExitRecord ended =
        created ? find_exit(&record, bundle) : (ExitRecord){KILLED, time_now(), false};
    if (record.socket)
        warn(file_remove(AT_FDCWD, record.socket, &problem), &problem);
    if (record.attach_socket)
        warn(file_remove(AT_FDCWD, record.attach_socket, &problem), &problem);
    int r = print_response(&record, &ended, err);
    shim_record_done(&record);
    return r;
}
