// SPDX-License-Identifier: Apache-2.0
#include "engine/shim/shim.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "base/time.h"
#include "bootstrap/command.h"
#include "bootstrap/runtime_type.h"
#include "engine/shim/checkpoint.h"
#include "proto/containerd/task/v3/task.pb-c.h"

enum {
    BOOTSTRAP_MAX = 64 * 1024
};
#define SLOW (120 * TIME_SECOND) /* Create and Start run hooks, Delete waits for file systems */
#define BOOTSTRAP "bootstrap.json"
#define BINARY "shim-binary-path"

char *shim_bundle(const Shims *shims, const ShimTask *task) {
    return text_format("%s/tasks/%s/%s", shims->state, task->space, task->id);
}

static int open_bundle(const Shims *shims, const ShimTask *task, int *ret, Error *err) {
    autofree char *path = shim_bundle(shims, task);
    if (file_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0, ret, err) == ERROR_NOT_FOUND)
        return error_set(err, ERROR_NOT_FOUND, "task %s not found", task->id);
    return *ret >= 0 ? 0 : err->code;
}

static int load(int bundle, BootstrapAnswer *ret, Error *err) {
    autodone(Text) text = {};
    TRY(file_read(bundle, BOOTSTRAP, BOOTSTRAP_MAX, &text, err));
    return bootstrap_answer_decode(text.data, text.length, ret, err);
}

/* How a task's shim is started, and how it cleans up. */
typedef struct Command {
    BootstrapCommand with;
    char *bundle, *engine, *events;
} Command;

static void command_done(Command *command) {
    free(command->bundle);
    free(command->engine);
    free(command->events);
}
CLEANUP_DEFINE_DONE(Command, command_done)

static Command command_of(const Shims *shims, const ShimTask *task, const char *program) {
    Command command = {.bundle = shim_bundle(shims, task),
        .engine = text_format("%s/tared.sock", shims->state),
        .events = text_format("%s/tared.ttrpc.sock", shims->state)};
    command.with = (BootstrapCommand){.program = program,
        .name_space = task->space,
        .id = task->id,
        .bundle = command.bundle,
        .engine = command.engine,
        .events = command.events};
    return command;
}

static int fill_bundle(int bundle, const ShimLaunch *launch, Error *err) {
    TRY(file_make_dirs_at(bundle, "rootfs", 0711, err));
    TRY(file_make_dirs_at(bundle, "work", 0711, err));    /* where runc's shim lets criu work */
    TRY(file_write_new(bundle, "log", "", 0, 0600, err)); /* where Go's shims log to */
    return file_write_new(bundle, "config.json", launch->config, strlen(launch->config), 0600, err);
}

static int start_shim(
    const Shims *shims, const ShimLaunch *launch, const char *binary, int bundle, Error *err) {
    autodone(Command) command = command_of(shims, &launch->task, binary);
    autodone(BootstrapAnswer) answer = {};
    autodone(Text) json = {};
    TRY(file_write_new(bundle, BINARY, binary, strlen(binary), 0600, err)); /* for clean_up */
    command.with.options = launch->options;
    TRY(bootstrap_command_start(&command.with, &answer, err));
    bootstrap_answer_encode(&answer, BOOTSTRAP_JSON, &json);
    return file_write(bundle, BOOTSTRAP, json.data, json.length, 0600, false, err);
}

static void remove_bundle(const Shims *shims, const ShimTask *task) {
    autofree char *path = shim_bundle(shims, task);
    autofree char *rootfs = text_format("%s/rootfs", path);
    Error ignored;
    while (umount2(rootfs, MNT_DETACH | UMOUNT_NOFOLLOW) == 0) {
    }
    file_remove_tree(AT_FDCWD, path, &ignored);
    checkpoint_directory_remove(shims, task, CHECKPOINT_RESTORE);
}

int shim_launch(const Shims *shims, const ShimLaunch *launch, Error *err) {
    const ShimTask *task = &launch->task;
    autofree char *binary = NULL;
    autofree char *space = text_format("%s/tasks/%s", shims->state, task->space);
    autoclose int bundle = -1, parent = -1;
    TRY(runtime_type_find_shim(launch->runtime, &binary, err));
    TRY(file_make_dirs(space, 0711, err));
    TRY(file_open(AT_FDCWD, space, O_RDONLY | O_DIRECTORY, 0, &parent, err));
    if (mkdirat(parent, task->id, 0711) < 0)
        return errno == EEXIST
                   ? error_set(err, ERROR_EXISTS, "task %s: already exists", task->id)
                   : error_set_errno(err, errno, "cannot make the bundle of task %s", task->id);
    int code = open_bundle(shims, task, &bundle, err);
    if (code == 0)
        code = fill_bundle(bundle, launch, err);
    if (code == 0)
        code = start_shim(shims, launch, binary, bundle, err);
    if (code < 0)
        remove_bundle(shims, task);
    return code;
}

/* Version 2 is version 3 under another name. */
static ProtobufCServiceDescriptor service_of(const BootstrapAnswer *bootstrap) {
    ProtobufCServiceDescriptor service = containerd__task__v3__task__descriptor;
    if (bootstrap->version == 2)
        service.name = "containerd.task.v2.Task";
    return service;
}

/* What a shim that was killed has left: its program knows how to clean up. */
static void clean_up(const Shims *shims, const ShimTask *task, int bundle) {
    autodone(Text) binary = {};
    Error ignored;
    int exit_code;
    if (file_read(bundle, BINARY, BOOTSTRAP_MAX, &binary, &ignored) == 0) {
        autodone(Command) command = command_of(shims, task, binary.data);
        bootstrap_command_delete(&command.with, &exit_code, &ignored);
    }
    remove_bundle(shims, task);
}

static int connect_shim(const Shims *shims, const ShimTask *task, BootstrapAnswer *bootstrap,
    TtrpcClient **ret, Error *err) {
    autoclose int bundle = -1;
    TRY(open_bundle(shims, task, &bundle, err));
    if (load(bundle, bootstrap, err) < 0)
        return error_set(err, ERROR_UNAVAILABLE, "task %s is being made: unavailable", task->id);
    if (ttrpc_client_connect(bootstrap->address, ret, err) == 0)
        return 0;
    if (err->sys != ECONNREFUSED && err->sys != ENOENT)
        return err->code; /* our trouble: the shim may live */
    clean_up(shims, task, bundle);
    return error_set(err, ERROR_NOT_FOUND, "task %s not found", task->id);
}

int shim_call_begin(const Shims *shims, const ShimTask *task, const char *method,
    const ProtobufCMessage *request, TtrpcClient **ret, Error *err) {
    autodone(BootstrapAnswer) bootstrap = {};
    autoptr(TtrpcClient) client = NULL;
    TRY(connect_shim(shims, task, &bootstrap, &client, err));
    const ProtobufCServiceDescriptor service = service_of(&bootstrap);
    TRY(ttrpc_send(client, &service, method, request, err));
    *ret = take_ptr(&client);
    return 0;
}

int shim_call(const Shims *shims, const ShimTask *task, const char *method,
    const ProtobufCMessage *request, ProtobufCMessage **ret_response, Error *err) {
    autodone(BootstrapAnswer) bootstrap = {};
    autoptr(TtrpcClient) client = NULL;
    TRY(connect_shim(shims, task, &bootstrap, &client, err));
    const ProtobufCServiceDescriptor service = service_of(&bootstrap);
    return ttrpc_call(client, &service, method, request, SLOW, ret_response, err);
}

static void sweep_task(const Shims *shims, const ShimTask *task) {
    autoclose int bundle = -1;
    Error ignored;
    if (open_bundle(shims, task, &bundle, &ignored) == 0 && !file_exists(bundle, BOOTSTRAP))
        clean_up(shims, task, bundle);
}

void shims_sweep(const Shims *shims) {
    autodone(JsonTexts) spaces = {};
    shim_list(shims, "", &spaces);
    for (size_t i = 0; i < spaces.n; i++) {
        autodone(JsonTexts) ids = {};
        shim_list(shims, spaces.item[i], &ids);
        for (size_t j = 0; j < ids.n; j++)
            sweep_task(shims, &(ShimTask){spaces.item[i], ids.item[j]});
    }
    checkpoint_directories_sweep(shims);
}

/* A shim that serves several containers goes on when others are left; then it only forgets one. */
void shim_remove(const Shims *shims, const ShimTask *task) {
    autodone(BootstrapAnswer) bootstrap = {};
    autoptr(TtrpcClient) client = NULL;
    autoclose int bundle = -1;
    Containerd__Task__V3__ShutdownRequest request = CONTAINERD__TASK__V3__SHUTDOWN_REQUEST__INIT;
    Error ignored;
    if (connect_shim(shims, task, &bootstrap, &client, &ignored) < 0)
        return;
    request.id = (char *)(uintptr_t)task->id;
    const ProtobufCServiceDescriptor service = service_of(&bootstrap);
    ttrpc_call(client, &service, "Shutdown", &request.base, SLOW, NULL, &ignored);
    if (open_bundle(shims, task, &bundle, &ignored) == 0)
        clean_up(shims, task, bundle);
}

void shim_list(const Shims *shims, const char *space, JsonTexts *ret_ids) {
    autofree char *path = text_format("%s/tasks/%s", shims->state, space);
    DIR *stream = opendir(path);
    const struct dirent *entry;
    while (stream && (entry = readdir(stream)))
        if (*entry->d_name != '.')
            json_texts_add(ret_ids, entry->d_name);
    if (stream)
        closedir(stream);
}
