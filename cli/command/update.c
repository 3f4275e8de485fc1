// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include "base/text.h"
#include "cli/client.h"
#include "cli/command/command.h"
#include "cli/create.h"
#include "proto/tare/v1/container.pb-c.h"

typedef struct UpdateOptions {
    const char *restart, *cpus;
    OptionSize memory;
    OptionInt pids_limit;
} UpdateOptions;

static int update_one(Client *client, const char *container, void *data, Error *err) {
    Tare__V1__UpdateContainerRequest *request = data;
    request->container = (char *)container;
    TRY(client_call(client, &tare__v1__containers__descriptor, "Update", request, NULL, err));
    printf("%s\n", container);
    return 0;
}

static int fill(const UpdateOptions *options, Tare__V1__UpdateContainerRequest *request,
    Tare__V1__RestartPolicy **policy, Error *err) {
    if (!options->restart && !options->cpus && !options->memory.set && !options->pids_limit.set)
        return error_set(
            err, ERROR_INVALID, "you must provide one or more flags when using update");
    if (options->memory.value > INT64_MAX)
        return error_set(err, ERROR_RANGE, "memory limit is too large");
    request->memory = (int64_t)options->memory.value;
    request->pids_limit = options->pids_limit.value;
    if (options->cpus)
        TRY(cpus_parse(options->cpus, &request->nano_cpus, err));
    if (options->restart)
        TRY(restart_policy_parse(options->restart, policy, err));
    request->restart = *policy;
    return 0;
}

static int run(Cli *cli, const void *values, int argc, char **argv) {
    Tare__V1__UpdateContainerRequest request = TARE__V1__UPDATE_CONTAINER_REQUEST__INIT;
    Tare__V1__RestartPolicy *policy = NULL;
    Error err = {};
    int result = fill(values, &request, &policy, &err) < 0
                     ? cli_report_usage(cli, &err)
                     : cli_each(cli, argc, argv, update_one, &request);
    if (policy)
        tare__v1__restart_policy__free_unpacked(policy, NULL);
    return result;
}

#define T UpdateOptions
static const Option options[] = {
    {0, "cpus", OPTION_TEXT, offsetof(T, cpus), "decimal", "Number of CPUs"},
    {'m', "memory", OPTION_SIZE, offsetof(T, memory), "bytes", "Memory limit"},
    {0, "pids-limit", OPTION_INT, offsetof(T, pids_limit), "int",
        "Tune container pids limit (set -1 for unlimited)"},
    {0, "restart", OPTION_TEXT, offsetof(T, restart), "string",
        "Restart policy to apply when a container exits"},
    {},
};
#undef T

const Command command_update = {
    .arguments = "[OPTIONS] CONTAINER [CONTAINER...]",
    .summary = "Update configuration of one or more containers",
    .more = "What is not named stays as it is. A running container is changed at once: limits by "
            "its cgroup, the restart policy for its next exit.",
    .options = options,
    .options_size = sizeof(UpdateOptions),
    .min = 1,
    .max = -1,
    .run = run,
};
