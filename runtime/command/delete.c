// SPDX-License-Identifier: Apache-2.0
#include "runtime/command/every.h"
#include "runtime/container/launch.h"

typedef struct DeleteOptions {
    bool force, regex;
} DeleteOptions;

#define T DeleteOptions
static const Option options[] = {
    {'f', "force", OPTION_FLAG, offsetof(T, force), NULL, "kill it first if it still runs"},
    {'r', "regex", OPTION_FLAG, offsetof(T, regex), NULL,
        "ID is a regular expression: every container that it matches"},
    {},
};
#undef T

static int delete_loaded(Container *container, bool force, Error *err) {
    ContainerStatus status = container_status(container);
    bool kill = force || status == CONTAINER_CREATED || status == CONTAINER_CREATING;
    if (!kill && status != CONTAINER_STOPPED)
        return error_set(err, ERROR_STATE, "cannot delete container %s that is not stopped: %s",
            container->id, container_status_name(status));
    if (kill)
        TRY(container_kill_all(container, err));
    return container_destroy(container, NULL, err);
}

/* err: why its record cannot be read, which is said also when all is gone, as by runc. */
static int delete_remains(Container *container, bool force, Error *err) {
    Error problem = *err;
    Cgroup cgroup;
    container_salvage(container);
    container_load_cgroup(container, &cgroup);
    bool lives = !cgroup_is_empty(&cgroup);
    cgroup_done(&cgroup);
    if (lives && !force)
        return error_prefix(err, "cannot delete a container that has processes");
    TRY(delete_loaded(container, force, err));
    *err = problem;
    return force ? 0 : err->code;
}

static int delete_one(const Globals *globals, const char *id, void *argument, Error *err) {
    const DeleteOptions *parsed = argument;
    autodone(Container) container = {.dir = -1};
    int r = container_load(&container, globals->root, id, err);
    if (r == ERROR_NOT_FOUND && parsed->force)
        return 0;
    if (r == ERROR_CORRUPT)
        return delete_remains(&container, parsed->force, err);
    TRY(r);
    return delete_loaded(&container, parsed->force, err);
}

static int run(const Globals *globals, int argc, char **argv, Error *err) {
    DeleteOptions parsed = {};
    int first;
    int r = command_parse(&command_delete, argc, argv, 1, 1, &parsed, &first, err);
    if (r)
        return r < 0 ? r : 0;
    return parsed.regex ? every_container(globals, argv[first], delete_one, &parsed, err)
                        : delete_one(globals, argv[first], &parsed, err);
}

const Command command_delete = {
    "delete", "ID", "remove what a stopped container holds", run, options};
