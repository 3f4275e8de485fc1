// SPDX-License-Identifier: Apache-2.0
#include "engine/shim/shim.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/process.h"
#include "base/text.h"
#include "base/time.h"
#include "engine/shim/bootstrap.h"
#include "proto/containerd/task/v3/task.pb-c.h"

enum {
    OUTPUT_MAX = 64 * 1024
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
        return error_set(err, ERROR_NOT_FOUND, "task %s not found: not found", task->id);
    return *ret >= 0 ? 0 : err->code;
}

static int load(int bundle, Bootstrap *ret, Error *err) {
    autodone(Text) text = {};
    TRY(file_read(bundle, BOOTSTRAP, OUTPUT_MAX, &text, err));
    return bootstrap_decode(text.data, text.length, ret, err);
}

/* The runtime's options are what the shim reads from its standard input. */
static int options_fd(const ProtobufCMessage *options, int *ret, Error *err) {
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

/* The environment that containerd gives to shims, in front of our own. */
static char **environment(const Shims *shims, const ShimTask *task) {
    autotexts char **own = texts_copy(environ);
    size_t n = texts_count(own), more = 0;
    char **all = new_array(char *, n + 6);
    all[more++] = text_copy("MAX_SHIM_VERSION=3");
    all[more++] = text_format("TTRPC_ADDRESS=%s/tared.ttrpc.sock", shims->state);
    all[more++] = text_format("GRPC_ADDRESS=%s/tared.sock", shims->state);
    all[more++] = text_format("NAMESPACE=%s", task->space);
    all[more++] = text_copy("CONTAINERD_NAMESPACE=");
    for (size_t i = 0; i < n; i++)
        if (!text_starts(own[i], "TTRPC_ADDRESS=") && !text_starts(own[i], "NAMESPACE="))
            all[more++] = text_copy(own[i]);
    return all;
}

static int run_shim(const Shims *shims, const ShimTask *task, const char *binary,
    const char *action, int input, Text *ret_output, Error *err) {
    autofree char *address = text_format("%s/tared.sock", shims->state);
    autofree char *bundle = shim_bundle(shims, task);
    autotexts char **environ_of_shim = environment(shims, task);
    const char *const argv[] = {binary, "-namespace", task->space, "-id", task->id, "-address",
        address, "-bundle", bundle, action, NULL};
    const char *const start[] = {
        binary, "-namespace", task->space, "-id", task->id, "-address", address, action, NULL};
    ProcessSpawn spawn = PROCESS_SPAWN_INIT;
    spawn.argv = text_equal(action, "start") ? start : argv;
    spawn.environ = (const char *const *)environ_of_shim;
    spawn.directory = bundle;
    spawn.fds[0] = input;
    int status = 0;
    TRY(process_run(&spawn, OUTPUT_MAX, SLOW, ret_output, &status, err));
    int code = process_exit_code(status);
    return code == 0 ? 0
                     : error_set(err, ERROR_INTERNAL, "%s %s: %.400s (exit status %d)", binary,
                           action, ret_output->length ? ret_output->data : "failed", code);
}

static int fill_bundle(int bundle, const ShimLaunch *launch, Error *err) {
    TRY(file_make_dirs_at(bundle, "rootfs", 0711, err));
    TRY(file_write_new(bundle, "log", "", 0, 0600, err)); /* where Go's shims log to */
    return file_write_new(bundle, "config.json", launch->config, strlen(launch->config), 0600, err);
}

static int start_shim(
    const Shims *shims, const ShimLaunch *launch, const char *binary, int bundle, Error *err) {
    autoclose int input = -1;
    autodone(Text) output = {};
    autodone(Bootstrap) bootstrap = {};
    TRY(file_write_new(bundle, BINARY, binary, strlen(binary), 0600, err)); /* for shims_sweep */
    TRY(options_fd(launch->options, &input, err));
    TRY(run_shim(shims, &launch->task, binary, "start", input, &output, err));
    TRY(bootstrap_decode(output.data ? output.data : "", output.length, &bootstrap, err));
    bootstrap.binary = text_copy(binary);
    autofree char *json = bootstrap_encode(&bootstrap);
    return file_write(bundle, BOOTSTRAP, json, strlen(json), 0600, false, err);
}

static void remove_bundle(const Shims *shims, const ShimTask *task) {
    autofree char *path = shim_bundle(shims, task);
    autofree char *rootfs = text_format("%s/rootfs", path);
    Error ignored;
    while (umount2(rootfs, MNT_DETACH | UMOUNT_NOFOLLOW) == 0) {
    }
    file_remove_tree(AT_FDCWD, path, &ignored);
}

int shim_launch(const Shims *shims, const ShimLaunch *launch, Error *err) {
    const ShimTask *task = &launch->task;
    autofree char *binary = NULL;
    autofree char *space = text_format("%s/tasks/%s", shims->state, task->space);
    autoclose int bundle = -1, parent = -1;
    TRY(bootstrap_find_shim(launch->runtime, &binary, err));
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
static ProtobufCServiceDescriptor service_of(const Bootstrap *bootstrap) {
    ProtobufCServiceDescriptor service = containerd__task__v3__task__descriptor;
    if (bootstrap->version.value == 2)
        service.name = "containerd.task.v2.Task";
    return service;
}

/* What a shim that was killed has left: its program knows how to clean up. */
static void clean_up(const Shims *shims, const ShimTask *task, const Bootstrap *bootstrap) {
    autodone(Text) output = {};
    Error ignored;
    if (bootstrap->binary)
        run_shim(shims, task, bootstrap->binary, "delete", -1, &output, &ignored);
    remove_bundle(shims, task);
}

static int connect_shim(
    const Shims *shims, const ShimTask *task, Bootstrap *bootstrap, TtrpcClient **ret, Error *err) {
    autoclose int bundle = -1;
    TRY(open_bundle(shims, task, &bundle, err));
    if (load(bundle, bootstrap, err) < 0)
        return error_set(err, ERROR_UNAVAILABLE, "task %s is being made: unavailable", task->id);
    if (ttrpc_client_connect(bootstrap->address, ret, err) == 0)
        return 0;
    if (err->sys != ECONNREFUSED && err->sys != ENOENT)
        return err->code; /* our trouble: the shim may live */
    clean_up(shims, task, bootstrap);
    return error_set(err, ERROR_NOT_FOUND, "task %s not found: not found", task->id);
}

int shim_call_begin(const Shims *shims, const ShimTask *task, const char *method,
    const ProtobufCMessage *request, TtrpcClient **ret, Error *err) {
    autodone(Bootstrap) bootstrap = {};
    autoptr(TtrpcClient) client = NULL;
    TRY(connect_shim(shims, task, &bootstrap, &client, err));
    const ProtobufCServiceDescriptor service = service_of(&bootstrap);
    TRY(ttrpc_send(client, &service, method, request, err));
    *ret = take_ptr(&client);
    return 0;
}

int shim_call(const Shims *shims, const ShimTask *task, const char *method,
    const ProtobufCMessage *request, ProtobufCMessage **ret_response, Error *err) {
    autodone(Bootstrap) bootstrap = {};
    autoptr(TtrpcClient) client = NULL;
    TRY(connect_shim(shims, task, &bootstrap, &client, err));
    const ProtobufCServiceDescriptor service = service_of(&bootstrap);
    return ttrpc_call(client, &service, method, request, SLOW, ret_response, err);
}

static void sweep_task(const Shims *shims, const ShimTask *task) {
    autoclose int bundle = -1;
    autodone(Text) binary = {};
    Error ignored;
    if (open_bundle(shims, task, &bundle, &ignored) < 0 || file_exists(bundle, BOOTSTRAP))
        return;
    Bootstrap unfinished = {};
    if (file_read(bundle, BINARY, OUTPUT_MAX, &binary, &ignored) == 0)
        unfinished.binary = binary.data;
    clean_up(shims, task, &unfinished);
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
}

/* A shim that serves several containers goes on when others are left; then it only forgets one. */
void shim_remove(const Shims *shims, const ShimTask *task) {
    autodone(Bootstrap) bootstrap = {};
    autoptr(TtrpcClient) client = NULL;
    Containerd__Task__V3__ShutdownRequest request = CONTAINERD__TASK__V3__SHUTDOWN_REQUEST__INIT;
    Error ignored;
    if (connect_shim(shims, task, &bootstrap, &client, &ignored) < 0)
        return;
    request.id = (char *)(uintptr_t)task->id;
    const ProtobufCServiceDescriptor service = service_of(&bootstrap);
    ttrpc_call(client, &service, "Shutdown", &request.base, SLOW, NULL, &ignored);
    clean_up(shims, task, &bootstrap);
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
