// SPDX-License-Identifier: Apache-2.0
#include "engine/api/docker/container.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/path.h"
#include "base/text.h"
#include "engine/api/docker/container_shape.h"
#include "engine/api/docker/ports.h"
#include "engine/container/health.h"
#include "engine/container/log_config.h"
#include "engine/container/mount/mount.h"
#include "engine/container/spec/spec.h"

enum {
    SHM_SIZE = 67108864
};

static JsonInt integer(int64_t value) {
    return (JsonInt){true, value};
}

static DockerHealth *health_state_of(const ContainerHealth *from) {
    if (!from)
        return NULL;
    DockerHealth *health = new (DockerHealth);
    health->status = text_copy(from->status);
    health->failing_streak = integer((int64_t)from->failing_streak.value);
    for (size_t i = 0; i < from->results.n; i++) {
        const ContainerHealthResult *result = (ContainerHealthResult *)from->results.item + i;
        DockerHealthResult *line = json_objects_add(&health->log, &docker_health_result_type);
        line->start = docker_time(result->started.value);
        line->end = docker_time(result->ended.value);
        line->exit_code = integer(result->exit_code.value);
        line->output = text_copy(result->output);
    }
    return health;
}

static DockerOom *oom_of(const ContainerOom *from) {
    if (!from)
        return NULL;
    DockerOom *oom = new (DockerOom);
    oom->kills = integer((int64_t)from->kills.value);
    oom->peak = integer((int64_t)from->peak.value);
    oom->limit = integer((int64_t)from->limit.value);
    oom->pid = integer((int64_t)from->pid.value);
    oom->exec = text_copy(from->exec ? from->exec : "");
    oom->usage = integer((int64_t)from->usage.value);
    return oom;
}

static DockerState *state_of(const ContainerState *from) {
    DockerState *state = new (DockerState);
    state->status = text_copy(container_state_name(from));
    state->restarting = docker_bool(from->restarting.value);
    state->running = docker_bool(from->status == CONTAINER_RUNNING);
    state->oom_killed = docker_bool(from->oom_killed.value);
    state->dead = docker_bool(from->status == CONTAINER_REMOVING);
    state->pid = integer(from->pid.value);
    state->exit_code = integer(from->exit_code.value);
    state->error = text_copy(from->error);
    state->started_at = docker_time(from->started.value);
    state->finished_at = docker_time(from->finished.value);
    state->oom = oom_of(from->oom);
    state->health = health_state_of(from->health);
    return state;
}

static DockerLogConfig *log_config_of(const ContainerRecord *record) {
    DockerLogConfig *config = new (DockerLogConfig);
    const JsonMap *options = &record->settings->log_options;
    config->type = text_copy(output_driver_name(log_config_driver(record)));
    for (size_t i = 0; i < options->n; i++)
        json_map_set(&config->config, options->key[i], options->value[i]);
    return config;
}

static void add_bind(const ContainerMount *mount, DockerHostConfig *config) {
    const char *mode = mount->mode ? mount->mode : "";
    autofree char *bind =
        text_format("%s:%s%s%s", mount_name(mount), mount->target, *mode ? ":" : "", mode);
    json_texts_add(&config->binds, bind);
}

static DockerVolumeOptions *volume_options_of(const ContainerMount *mount) {
    if (!mount->no_copy.value && mount->volume_labels.n == 0 && text_is_empty(mount->subpath))
        return NULL;
    DockerVolumeOptions *options = new (DockerVolumeOptions);
    options->no_copy = (JsonBool){mount->no_copy.value, true};
    options->subpath = text_copy(mount->subpath);
    for (size_t i = 0; i < mount->volume_labels.n; i++)
        json_map_set(&options->labels, mount->volume_labels.key[i], mount->volume_labels.value[i]);
    return options;
}

static void add_mount_spec(const ContainerMount *mount, DockerHostConfig *config) {
    DockerMountSpec *spec = json_objects_add(&config->mounts, &docker_mount_spec_type);
    spec->type = text_copy(mount_kind_name(mount_kind(mount)));
    if (!mount->anonymous.value)
        spec->source = text_copy(mount_name(mount));
    spec->target = text_copy(mount->target);
    spec->read_only = (JsonBool){mount->read_only.value, true};
    spec->volume_options = volume_options_of(mount);
}

/* Each where the user's words belong; what images and other containers wanted is none of them. */
static void add_requested(const ContainerSettings *settings, DockerHostConfig *config) {
    const ContainerMount *item = settings->mounts.item;
    for (size_t i = 0; i < settings->mounts.n; i++) {
        if (!item[i].origin)
            add_bind(&item[i], config);
        else if (text_equal(item[i].origin, MOUNT_ORIGIN_MOUNT))
            add_mount_spec(&item[i], config);
        else if (text_equal(item[i].origin, MOUNT_ORIGIN_TMPFS))
            json_map_set(&config->tmpfs, item[i].target, item[i].options ? item[i].options : "");
    }
    docker_copy_texts(&config->volumes_from, &settings->volumes_from);
}

static void add_paths(JsonTexts *to, const char *const *paths) {
    for (; *paths; paths++)
        json_texts_add(to, *paths);
}

static DockerHostConfig *host_config_of(const DockerContainerInput *input) {
    const ContainerSettings *settings = input->record->settings;
    DockerHostConfig *config = new (DockerHostConfig);
    add_requested(settings, config);
    for (size_t i = 0; i < settings->storage_options.n; i++)
        json_map_set(&config->storage_options, settings->storage_options.key[i],
            settings->storage_options.value[i]);
    config->log_config = log_config_of(input->record);
    config->network_mode =
        text_copy(text_is_empty(settings->network) ? "bridge" : settings->network);
    config->port_bindings = docker_ports_requested(settings);
    config->restart_policy = new (DockerRestartPolicy);
    config->restart_policy->name = text_copy(settings->restart ? settings->restart : "no");
    config->restart_policy->maximum_retry_count = integer((int64_t)settings->restart_retries.value);
    config->auto_remove = docker_bool(settings->auto_remove.value);
    config->privileged = docker_bool(settings->privileged.value);
    config->readonly_rootfs = docker_bool(settings->read_only.value);
    array_append(config->console_size.item, config->console_size.n, settings->terminal_rows.value);
    array_append(
        config->console_size.item, config->console_size.n, settings->terminal_columns.value);
    docker_copy_texts(&config->cap_add, &settings->capabilities_add);
    docker_copy_texts(&config->cap_drop, &settings->capabilities_drop);
    config->cgroupns_mode = text_copy(input->cgroup_v2 ? "private" : "host");
    config->ipc_mode = text_copy("private");
    config->runtime = text_copy(input->runtime);
    config->shm_size = integer(SHM_SIZE);
    config->memory = integer(settings->memory.value);
    config->memory_swap = integer(settings->memory.value * 2);
    config->nano_cpus = integer(settings->nano_cpus.value);
    if (settings->pids_limit.value)
        config->pids_limit = integer(settings->pids_limit.value);
    if (!settings->privileged.value) {
        add_paths(&config->masked_paths, spec_masked_paths);
        add_paths(&config->readonly_paths, spec_readonly_paths);
    }
    return config;
}

static const char *option_of(const SnapshotMount *mount, const char *name) {
    size_t n = strlen(name);
    for (size_t i = 0; mount && i < mount->options.n; i++) {
        const char *option = mount->options.item[i];
        if (strncmp(option, name, n) == 0 && option[n] == '=')
            return option + n + 1;
    }
    return NULL;
}

static DockerGraphDriver *graph_driver_of(const DockerContainerInput *input) {
    static const struct {
        const char *docker, *option;
    } rows[] = {{"LowerDir", "lowerdir"}, {"UpperDir", "upperdir"}, {"WorkDir", "workdir"}};
    DockerGraphDriver *driver = new (DockerGraphDriver);
    driver->name = text_copy(input->storage_driver);
    for (size_t i = 0; i < array_size(rows); i++) {
        const char *value = option_of(input->rootfs, rows[i].option);
        if (value)
            json_map_set(&driver->data, rows[i].docker, value);
    }
    json_map_set(&driver->data, "MergedDir", input->mount_point);
    return driver;
}

/* Docker's of a volume that was named, or asked for by --mount, is "z" if nothing else was said. */
static const char *mode_of(const ContainerMount *mount) {
    bool named = mount_kind(mount) == MOUNT_VOLUME &&
                 (!mount->origin || text_equal(mount->origin, MOUNT_ORIGIN_MOUNT));
    return named && text_is_empty(mount->mode) ? "z" : mount->mode;
}

static void add_mount(const ContainerMount *from, const char *root, DockerContainer *document) {
    DockerMount *mount = json_objects_add(&document->mounts, &docker_mount_type);
    MountKind kind = mount_kind(from);
    bool said = !text_is_empty(from->propagation);
    mount->type = text_copy(mount_kind_name(kind));
    mount->name = text_copy(from->volume);
    mount->source = mount_source(from, root);
    mount->destination = path_clean(from->target);
    mount->driver = text_copy(kind == MOUNT_VOLUME ? "local" : NULL);
    mount->mode = text_copy(mode_of(from));
    mount->rw = docker_bool(!from->read_only.value);
    mount->propagation = text_copy(said ? from->propagation : kind == MOUNT_BIND ? "rprivate" : "");
}

/* --tmpfs is shown in HostConfig alone. */
static void add_mounts(const DockerContainerInput *input, DockerContainer *document) {
    const JsonObjects *mounts = &input->record->settings->mounts;
    const ContainerMount *item = mounts->item;
    for (size_t i = 0; i < mounts->n; i++)
        if (!text_equal(item[i].origin, MOUNT_ORIGIN_TMPFS))
            add_mount(&item[i], input->config->root, document);
}

static bool has_key(const JsonObjectMap *map, const char *key) {
    size_t i = 0;
    while (i < map->n && !text_equal(map->key[i], key))
        i++;
    return i < map->n;
}

/* -v PATH is remembered beside the image's. */
static void add_volumes(const ContainerRecord *record, DockerConfig *config) {
    const ContainerMount *item = record->settings->mounts.item;
    docker_copy_keys(&config->volumes, &record->image->config->volumes);
    for (size_t i = 0; i < record->settings->mounts.n; i++)
        if (text_equal(item[i].origin, MOUNT_ORIGIN_PATH) &&
            !has_key(&config->volumes, item[i].target))
            json_object_map_add(&config->volumes, item[i].target, &oci_empty_type);
}

static DockerConfig *config_of(const ContainerRecord *record) {
    const ContainerSettings *settings = record->settings;
    const OciImageConfig *image = record->image->config;
    DockerConfig *config = new (DockerConfig);
    const JsonTexts *entrypoint =
        settings->has_entrypoint.value ? &settings->entrypoint : &image->entrypoint;
    config->hostname = spec_hostname(record);
    config->user = text_copy(spec_user(record));
    config->attach_stdin = settings->attach_stdin;
    config->attach_stdout = settings->attach_stdout;
    config->attach_stderr = settings->attach_stderr;
    config->tty = settings->terminal;
    config->open_stdin = settings->open_stdin;
    config->stdin_once = settings->stdin_once;
    spec_environment(record, &config->env);
    if (settings->command.n)
        docker_copy_texts(&config->cmd, &settings->command);
    else if (!settings->has_entrypoint.value)
        docker_copy_texts(&config->cmd, &image->cmd);
    if (entrypoint->n != 1 || *entrypoint->item[0])
        docker_copy_texts(&config->entrypoint, entrypoint);
    OciHealthcheck health;
    if (health_of(record, &health) || health.test.n)
        config->healthcheck = json_encode(&oci_healthcheck_type, &health, 0);
    config->image = text_copy(settings->image);
    add_volumes(record, config);
    docker_copy_texts(&config->on_build, &image->on_build);
    docker_copy_texts(&config->shell, &image->shell);
    docker_ports_exposed(record, &config->exposed_ports);
    docker_labels(record, &config->labels);
    bool says_directory =
        !text_is_empty(settings->working_directory) || !text_is_empty(image->working_dir);
    config->working_dir = says_directory ? spec_directory(record) : NULL;
    bool says_signal = !text_is_empty(settings->stop_signal) || !text_is_empty(image->stop_signal);
    config->stop_signal = says_signal ? text_copy(spec_stop_signal(record)) : NULL;
    config->stop_timeout = settings->stop_timeout; /* an image's is nobody's, in Docker too */
    return config;
}

static DockerNetworkSettings *network_settings_of(const ContainerRecord *record) {
    const ContainerEndpoint *from = record->state->endpoint;
    const char *network = record->settings->network;
    DockerNetworkSettings *settings = new (DockerNetworkSettings);
    settings->ports = docker_ports_bound(record);
    DockerEndpoint *endpoint = json_object_map_add(&settings->networks,
        text_is_empty(network) || text_equal(network, "default") ? "bridge" : network,
        &docker_endpoint_type);
    if (!from)
        return settings;
    settings->sandbox_id = text_copy(from->sandbox ? record->id : NULL);
    settings->sandbox_key = text_copy(from->sandbox);
    settings->endpoint_id = text_copy(from->id);
    settings->gateway = text_copy(from->gateway);
    settings->ip_address = text_copy(from->ip);
    settings->ip_prefix_length = integer((int64_t)from->prefix.value);
    settings->mac_address = text_copy(from->mac);
    endpoint->network_id = text_copy(from->network);
    endpoint->endpoint_id = text_copy(from->id);
    endpoint->gateway = text_copy(from->gateway);
    endpoint->ip_address = text_copy(from->ip);
    endpoint->ip_prefix_length = integer((int64_t)from->prefix.value);
    endpoint->mac_address = text_copy(from->mac);
    return settings;
}

static void add_command(const ContainerRecord *record, DockerContainer *document) {
    JsonTexts command = {};
    Error ignored = {};
    spec_command(record, &command, &ignored);
    document->path = command.n ? text_copy(command.item[0]) : NULL;
    for (size_t i = 1; i < command.n; i++)
        json_texts_add(&document->args, command.item[i]);
    json_texts_done(&command);
}

char *docker_container_inspect(const DockerContainerInput *input) {
    const ContainerRecord *record = input->record;
    DockerContainer document = {
        .id = text_copy(record->id),
        .created = docker_time(record->created.value),
        .state = state_of(record->state),
        .image = text_copy(record->image->id),
        .resolv_conf_path = path_join(input->directory, "resolv.conf"),
        .hostname_path = path_join(input->directory, "hostname"),
        .hosts_path = path_join(input->directory, "hosts"),
        .log_path = log_config_path(record, input->directory),
        .name = text_format("/%s", record->name),
        .restart_count = integer((int64_t)record->state->restart_count.value),
        .size_rw = {input->has_size, (int64_t)input->size_rw},
        .size_root_fs = {input->has_size, (int64_t)input->size_root_fs},
        .driver = text_copy(input->storage_driver),
        .platform = text_copy("linux"),
        .host_config = host_config_of(input),
        .graph_driver = graph_driver_of(input),
        .config = config_of(record),
        .network_settings = network_settings_of(record),
    };
    add_command(record, &document);
    add_mounts(input, &document);
    char *text = json_encode(&docker_container_type, &document, 0);
    json_done(&docker_container_type, &document);
    return text;
}
