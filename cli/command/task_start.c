// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"
#include "cli/noun.h"
#include "cli/task.h"
#include "proto/containerd/services/snapshots.pb-c.h"

/* tare task start: a container of containerd's clients runs, as it was created. */
/* None: the root file system is a directory that the container's document names. */
static int get_mounts(Client *client, const Containerd__Containers__Container *container,
    Containerd__Snapshots__MountsResponse **ret, Error *err) {
    if (text_is_empty(container->snapshot_key))
        return 0;
    Containerd__Snapshots__MountsRequest request;
    containerd__snapshots__mounts_request__init(&request);
    request.snapshotter = container->snapshotter;
    request.key = container->snapshot_key;
    return client_call(
        client, &containerd__snapshots__snapshots__descriptor, "Mounts", &request, ret, err);
}

static int create(Client *client, const char *id, const NounOptions *options, Error *err) {
    autoreply Containerd__Containers__GetContainerResponse *answer = NULL;
    autoreply Containerd__Snapshots__MountsResponse *mounts = NULL;
    Containerd__Tasks__CreateTaskRequest request;
    containerd__tasks__create_task_request__init(&request);
    TRY(task_container(client, id, &answer, err));
    const Containerd__Containers__Container *container = answer->container;
    TRY(get_mounts(client, container, &mounts, err));
    request.container_id = (char *)id;
    request.rootfs = mounts ? mounts->mounts : NULL;
    request.n_rootfs = mounts ? mounts->n_mounts : 0;
    if (options->log_uri) {
        request.stdout = (char *)options->log_uri;
        request.stderr = (char *)options->log_uri;
    }
    return client_call(client, TASKS, "Create", &request, NULL, err);
}

static int start_one(Client *client, const char *id, void *data, Error *err) {
    const TaskProcess task = {.id = id};
    TRY(create(client, id, data, err));
    int code = task_start(client, task, err);
    Error ignored;
    if (code < 0)
        task_delete(client, task, &ignored);
    return code;
}

static int run(Cli *cli, const void *values, int argc, char **argv) {
    return noun_each(cli, values, argc, argv, start_one);
}

static const Option options[] = {TASK_LOG_URI(NounOptions, log_uri), NOUN_SPACE, {}};

const Command command_task_start = {
    .arguments = "[OPTIONS] CONTAINER [CONTAINER...]",
    .summary = "Start containers of containerd's clients",
    .more = "The program runs in the background, with nothing to read. Its streams cannot be had "
            "at a terminal: that is for the client that created it, or for \"tare run\".",
    .options = options,
    .options_size = sizeof(NounOptions),
    .min = 1,
    .max = -1,
    .run = run,
};
