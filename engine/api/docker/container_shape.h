// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/api/docker/config.h"

/* Docker's container document (API 1.47) as structs; the tables are in container_shape.c. Members
 * without meaning here exist only as constants in those tables' defaults: absent is "", 0, null. */
typedef struct DockerHealthResult {
    char *start, *end, *output;
    JsonInt exit_code;
} DockerHealthResult;

typedef struct DockerHealth {
    char *status;
    JsonInt failing_streak;
    JsonObjects log; /* DockerHealthResult */
} DockerHealth;
extern const JsonType docker_health_result_type;

typedef struct DockerOom {
    JsonInt kills, peak, limit, pid, usage;
    char *exec;
} DockerOom;

typedef struct DockerState {
    char *status, *error, *started_at, *finished_at;
    JsonBool running, paused, restarting, oom_killed, dead;
    JsonInt pid, exit_code;
    DockerOom *oom;       /* ours, and no word of Docker's; NULL: nothing was killed */
    DockerHealth *health; /* NULL: not checked */
} DockerState;

typedef struct DockerLogConfig {
    char *type;
    JsonMap config;
} DockerLogConfig;

typedef struct DockerRestartPolicy {
    char *name;
    JsonInt maximum_retry_count;
} DockerRestartPolicy;

typedef struct DockerHostConfig {
    JsonTexts binds, volumes_from;
    JsonObjects mounts; /* DockerMountSpec; only what --mount said */
    JsonMap tmpfs;
    JsonMap storage_options;
    DockerLogConfig *log_config;
    char *network_mode;
    char *port_bindings; /* raw */
    DockerRestartPolicy *restart_policy;
    JsonBool auto_remove, privileged, readonly_rootfs, absent_bool;
    JsonUints console_size;
    JsonTexts cap_add, cap_drop, absent_texts;
    char *cgroupns_mode, *ipc_mode, *runtime, *absent_text, *absent_raw;
    JsonInt shm_size, memory, nano_cpus, memory_swap, pids_limit, absent_int;
    JsonTexts masked_paths, readonly_paths;
} DockerHostConfig;

typedef struct DockerVolumeOptions {
    JsonBool no_copy;
    JsonMap labels;
    char *subpath;
} DockerVolumeOptions;
extern const JsonType docker_volume_options_type;

typedef struct DockerMountSpec {
    char *type, *source, *target;
    JsonBool read_only;
    DockerVolumeOptions *volume_options; /* NULL: nothing was said */
} DockerMountSpec;
extern const JsonType docker_mount_spec_type;

typedef struct DockerGraphDriver {
    char *name;
    JsonMap data;
} DockerGraphDriver;

typedef struct DockerMount {
    char *type, *name, *source, *destination, *driver, *mode, *propagation;
    JsonBool rw;
} DockerMount;

typedef struct DockerEndpoint {
    char *network_id, *endpoint_id, *gateway, *ip_address, *mac_address, *absent_text, *absent_raw;
    JsonInt ip_prefix_length, absent_int;
} DockerEndpoint;

typedef struct DockerNetworkSettings {
    char *bridge, *sandbox_id, *sandbox_key, *ports /* raw */, *endpoint_id, *gateway, *ip_address,
        *mac_address, *absent_text, *absent_raw;
    JsonBool absent_bool;
    JsonInt ip_prefix_length, absent_int;
    JsonObjectMap networks; /* DockerEndpoint */
} DockerNetworkSettings;

typedef struct DockerContainer {
    char *id, *created, *path;
    JsonTexts args;
    DockerState *state;
    char *image, *resolv_conf_path, *hostname_path, *hosts_path, *log_path, *name;
    JsonInt restart_count, size_rw, size_root_fs;
    char *driver, *platform, *absent_text, *absent_raw;
    DockerHostConfig *host_config;
    DockerGraphDriver *graph_driver;
    JsonObjects mounts; /* DockerMount */
    DockerConfig *config;
    DockerNetworkSettings *network_settings;
} DockerContainer;

extern const JsonType docker_container_type, docker_mount_type, docker_endpoint_type;
