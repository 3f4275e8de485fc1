// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"
#include "cli/noun.h"
#include "proto/containerd/services/containers.pb-c.h"
#include "proto/containerd/services/snapshots.pb-c.h"
#include "proto/containerd/services/tasks.pb-c.h"

/* tare task start: a container of containerd's clients runs, as it was created. */
#define TASKS &containerd__tasks__tasks__descriptor

typedef Containerd__Containers__GetContainerResponse Answer;

static int get_container(Client *client, const char *id, Answer **ret, Error *err) {
    Containerd__Containers__GetContainerRequest request;
    containerd__containers__get_container_request__init(&request);
    request.id = (char *)id;
    return client_call(
        client, &containerd__containers__containers__descriptor, "Get", &request, ret, err);
}

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
    autoreply Answer *answer = NULL;
    autoreply Containerd__Snapshots__MountsResponse *mounts = NULL;
    Containerd__Tasks__CreateTaskRequest request;
    containerd__tasks__create_task_request__init(&request);
    TRY(get_container(client, id, &answer, err));
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
    Containerd__Tasks__StartRequest request;
    containerd__tasks__start_request__init(&request);
    request.container_id = (char *)id;
    TRY(create(client, id, data, err));
    int code = client_call(client, TASKS, "Start", &request, NULL, err);
    if (code < 0) {
        Error ignored;
        Containerd__Tasks__DeleteTaskRequest remove;
        containerd__tasks__delete_task_request__init(&remove);
        remove.container_id = (char *)id;
        client_call(client, TASKS, "Delete", &remove, NULL, &ignored);
    }
    return code;
}

static int run(Cli *cli, const void *values, int argc, char **argv) {
    return noun_each(cli, values, argc, argv, start_one);
}

static const Option options[] = {
    {0, "log-uri", OPTION_TEXT, offsetof(NounOptions, log_uri), "string",
        "Where output goes: file:///PATH or binary:///PROGRAM (default: nowhere)"},
    NOUN_SPACE, {}};

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
