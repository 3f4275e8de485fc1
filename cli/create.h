// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>

#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/health.h"
#include "cli/trust.h"
#include "proto/tare/v1/container.pb-c.h"

/* What `run` and `create` share: the options that describe a container. */
typedef struct CreateOptions {
    const char *name, *entrypoint, *user, *directory, *hostname, *network, *stop_signal, *platform;
    const char *cpus, *pull, *restart, *runtime;
    bool interactive, terminal, remove, read_only, privileged, quiet, untrusted;
    OptionTexts environment, environment_files, volumes, ports, labels;
    OptionTexts mounts, tmpfs, volumes_from;
    const char *volume_driver;
    OptionTexts capabilities_add, capabilities_drop, attach;
    OptionSize memory;
    OptionInt pids_limit, stop_timeout;
    HealthOptions health;
    const char *log_driver;
    OptionTexts log_options, storage_options;
} CreateOptions;

/* Rows for an option table whose struct T has a CreateOptions called create. */
#define CREATE_AT(member) (offsetof(T, create) + offsetof(CreateOptions, member))
#define CREATE_HEALTH_AT(member) (CREATE_AT(health) + offsetof(HealthOptions, member))
#define CREATE_ROWS                                                                                \
    {'a', "attach", OPTION_TEXTS, CREATE_AT(attach), "list", "Attach to STDIN, STDOUT or STDERR"}, \
        {0, "cap-add", OPTION_TEXTS, CREATE_AT(capabilities_add), "list",                          \
            "Add Linux capabilities"},                                                             \
        {0, "cap-drop", OPTION_TEXTS, CREATE_AT(capabilities_drop), "list",                        \
            "Drop Linux capabilities"},                                                            \
        {0, "cpus", OPTION_TEXT, CREATE_AT(cpus), "decimal", "Number of CPUs"},                    \
        TRUST_ROW(CREATE_AT(untrusted)),                                                           \
        {0, "entrypoint", OPTION_TEXT, CREATE_AT(entrypoint), "string",                            \
            "Overwrite the default ENTRYPOINT of the image"},                                      \
        {'e', "env", OPTION_TEXTS, CREATE_AT(environment), "list", "Set environment variables"},   \
        {0, "env-file", OPTION_TEXTS, CREATE_AT(environment_files), "list",                        \
            "Read in a file of environment variables"},                                            \
        HEALTH_ROWS(CREATE_HEALTH_AT),                                                             \
        {'h', "hostname", OPTION_TEXT, CREATE_AT(hostname), "string", "Container host name"},      \
        {'i', "interactive", OPTION_FLAG, CREATE_AT(interactive), NULL,                            \
            "Keep STDIN open even if not attached"},                                               \
        {'l', "label", OPTION_TEXTS, CREATE_AT(labels), "list", "Set meta data on a container"},   \
        {0, "log-driver", OPTION_TEXT, CREATE_AT(log_driver), "string",                            \
            "Logging driver for the container"},                                                   \
        {0, "log-opt", OPTION_TEXTS, CREATE_AT(log_options), "list", "Log driver options"},        \
        {'m', "memory", OPTION_SIZE, CREATE_AT(memory), "bytes", "Memory limit"},                  \
        {0, "mount", OPTION_TEXTS, CREATE_AT(mounts), "mount",                                     \
            "Attach a filesystem mount to the container"},                                         \
        {0, "name", OPTION_TEXT, CREATE_AT(name), "string", "Assign a name to the container"},     \
        {0, "net", OPTION_TEXT, CREATE_AT(network), "network", NULL},                              \
        {0, "network", OPTION_TEXT, CREATE_AT(network), "network",                                 \
            "Connect a container to a network (bridge, host or none)"},                            \
        {0, "pids-limit", OPTION_INT, CREATE_AT(pids_limit), "int",                                \
            "Tune container pids limit (set -1 for unlimited)"},                                   \
        {0, "platform", OPTION_TEXT, CREATE_AT(platform), "string",                                \
            "Set platform if server is multi-platform capable"},                                   \
        {0, "privileged", OPTION_FLAG, CREATE_AT(privileged), NULL,                                \
            "Give extended privileges to this container"},                                         \
        {'p', "publish", OPTION_TEXTS, CREATE_AT(ports), "list", "Publish ports to the host"},     \
        {0, "pull", OPTION_TEXT, CREATE_AT(pull), "string",                                        \
            "Pull image before running (always, missing, never) (default missing)"},               \
        {'q', "quiet", OPTION_FLAG, CREATE_AT(quiet), NULL, "Suppress the pull output"},           \
        {0, "read-only", OPTION_FLAG, CREATE_AT(read_only), NULL,                                  \
            "Mount the container's root filesystem as read only"},                                 \
        {0, "restart", OPTION_TEXT, CREATE_AT(restart), "string",                                  \
            "Restart policy to apply when a container exits (no, on-failure[:max-retries], "       \
            "always, unless-stopped) (default no)"},                                               \
        {0, "runtime", OPTION_TEXT, CREATE_AT(runtime), "runtime", "Runtime for this container"},  \
        {0, "rm", OPTION_FLAG, CREATE_AT(remove), NULL,                                            \
            "Automatically remove the container when it exits"},                                   \
        {0, "stop-signal", OPTION_TEXT, CREATE_AT(stop_signal), "string",                          \
            "Signal to stop the container"},                                                       \
        {0, "stop-timeout", OPTION_INT, CREATE_AT(stop_timeout), "int",                            \
            "Seconds to wait for the container when it is stopped, -1: for ever (default 10)"},    \
        {0, "storage-opt", OPTION_TEXTS, CREATE_AT(storage_options), "list",                       \
            "Storage driver options for the container: size=1G bounds what it writes"},            \
        {0, "tmpfs", OPTION_TEXTS, CREATE_AT(tmpfs), "list", "Mount a tmpfs directory"},           \
        {'t', "tty", OPTION_FLAG, CREATE_AT(terminal), NULL, "Allocate a pseudo-TTY"},             \
        {'u', "user", OPTION_TEXT, CREATE_AT(user), "string",                                      \
            "Username or UID (format: <name|uid>[:<group|gid>])"},                                 \
        {'v', "volume", OPTION_TEXTS, CREATE_AT(volumes), "list", "Bind mount a volume"},          \
        {0, "volume-driver", OPTION_TEXT, CREATE_AT(volume_driver), "string",                      \
            "Optional volume driver for the container"},                                           \
        {0, "volumes-from", OPTION_TEXTS, CREATE_AT(volumes_from), "list",                         \
            "Mount volumes from the specified container(s)"},                                      \
    {                                                                                              \
        'w', "workdir", OPTION_TEXT, CREATE_AT(directory), "string",                               \
            "Working directory inside the container"                                               \
    }

/* "on-failure:3"; a new policy for create_request_free. ERROR_INVALID. */
int restart_policy_parse(const char *text, Tare__V1__RestartPolicy **ret, Error *err);

/* "1.5" CPUs. ERROR_INVALID. */
int cpus_parse(const char *text, int64_t *ret, Error *err);

/* A request with everything but attach_* and stdin_once. It owns what create_request_free frees and
 * borrows the rest from argv. All errors are the user's (ERROR_INVALID, …). */
typedef Tare__V1__CreateContainerRequest CreateRequest;
int create_request_new(
    const CreateOptions *options, int argc, char **argv, CreateRequest **ret, Error *err);
void create_request_free(CreateRequest *request);
CLEANUP_DEFINE(CreateRequest, create_request_free)

/* Creates; pulls first or when the image is not here, as options->pull says. *ret_id is new. */
int create_container(Cli *cli, const CreateOptions *options, const CreateRequest *request,
    char **ret_id, Error *err);
