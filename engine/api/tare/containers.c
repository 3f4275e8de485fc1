// SPDX-License-Identifier: Apache-2.0
#include "engine/api/tare/containers.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "engine/api/tare/pairs.h"
#include "engine/api/tare/services.h"
#include "engine/container/exec.h"

RPC_SERVICE(containers_service, CONTAINERS_METHODS, tare__v1__containers__descriptor);

static Containers *containers_of(const RpcCall *call) {
    return ((TareServices *)rpc_call_user(call))->containers;
}

static void copy_texts(JsonTexts *to, char *const *from, size_t n) {
    for (size_t i = 0; i < n; i++)
        json_texts_add(to, from[i]);
}

/* "" means nothing was said. */
static char *copy_text(const char *from) {
    return text_is_empty(from) ? NULL : text_copy(from);
}

static JsonBool flag(int value) {
    return (JsonBool){value != 0, value != 0};
}

static int copy_ports(
    const Tare__V1__CreateContainerRequest *request, ContainerSettings *settings, Error *err) {
    for (size_t i = 0; i < request->n_ports; i++) {
        const Tare__V1__PortMapping *from = request->ports[i];
        if (from->host_port > UINT16_MAX || from->container_port > UINT16_MAX ||
            from->container_port == 0)
            return error_set(err, ERROR_INVALID, "invalid port mapping %u:%u: ports are 1 to 65535",
                from->host_port, from->container_port);
        PortProtocol protocol;
        TRY(port_protocol_parse(from->protocol, &protocol, err));
        ContainerPort *port = json_objects_add(&settings->ports, &container_port_type);
        port->host_ip = text_copy(from->host_ip);
        port->protocol = text_copy(port_protocol_name(protocol));
        port->host_port = (JsonUint){true, from->host_port};
        port->container_port = (JsonUint){true, from->container_port};
    }
    return 0;
}

static const char *const mount_origins[] = {
    MOUNT_ORIGIN_PATH, MOUNT_ORIGIN_MOUNT, MOUNT_ORIGIN_TMPFS};

static int copy_mounts(
    const Tare__V1__CreateContainerRequest *request, ContainerSettings *settings, Error *err) {
    for (size_t i = 0; i < request->n_mounts; i++) {
        const Tare__V1__Mount *from = request->mounts[i];
        bool known = text_is_empty(from->origin);
        for (size_t k = 0; k < array_size(mount_origins); k++)
            known |= text_equal(from->origin, mount_origins[k]);
        if (!known)
            return error_set(err, ERROR_INVALID, "mount origin unknown: \"%s\"", from->origin);
        ContainerMount *mount = json_objects_add(&settings->mounts, &container_mount_type);
        mount->source = text_copy(from->source);
        mount->target = text_copy(from->target);
        mount->propagation = text_copy(from->propagation);
        mount->mode = text_copy(from->mode);
        mount->read_only = flag(from->read_only);
        mount->type = copy_text(from->type);
        mount->volume = copy_text(from->volume);
        mount->no_copy = flag(from->no_copy);
        mount->strict = flag(from->strict);
        mount->origin = copy_text(from->origin);
        mount->driver = copy_text(from->driver);
        mount->options = copy_text(from->options);
        mount->subpath = copy_text(from->subpath);
        pairs_read(&mount->volume_labels, from->volume_labels, from->n_volume_labels);
        pairs_read(&mount->volume_options, from->volume_options, from->n_volume_options);
    }
    copy_texts(&settings->volumes_from, request->volumes_from, request->n_volumes_from);
    return 0;
}

static void copy_flags(
    const Tare__V1__CreateContainerRequest *request, ContainerSettings *settings) {
    settings->has_entrypoint = flag(request->has_entrypoint);
    settings->terminal = flag(request->terminal);
    settings->open_stdin = flag(request->open_stdin);
    settings->stdin_once = flag(request->stdin_once);
    settings->attach_stdin = flag(request->attach_stdin);
    settings->attach_stdout = flag(request->attach_stdout);
    settings->attach_stderr = flag(request->attach_stderr);
    settings->auto_remove = flag(request->auto_remove);
    settings->read_only = flag(request->read_only);
    settings->privileged = flag(request->privileged);
}

static void copy_health(const Tare__V1__HealthCheck *from, ContainerSettings *settings) {
    OciHealthcheck *health = settings->health = new (OciHealthcheck);
    copy_texts(&health->test, from->test, from->n_test);
    health->interval = (JsonInt){true, from->interval};
    health->timeout = (JsonInt){true, from->timeout};
    health->start_period = (JsonInt){true, from->start_period};
    health->start_interval = (JsonInt){true, from->start_interval};
    health->retries = (JsonInt){true, from->retries};
    settings->health_on_failure = copy_text(from->on_failure);
}

static int check_stop_timeout(int64_t seconds, Error *err) {
    if (seconds < -1 || seconds > INT32_MAX)
        return error_set(
            err, ERROR_INVALID, "stop timeout %lld is out of range", (long long)seconds);
    return 0;
}

static int copy_settings(
    const Tare__V1__CreateContainerRequest *request, ContainerSettings *settings, Error *err) {
    settings->image = text_copy(request->image);
    copy_texts(&settings->command, request->command, request->n_command);
    copy_texts(&settings->environment, request->environment, request->n_environment);
    copy_texts(&settings->labels, request->labels, request->n_labels);
    copy_texts(&settings->entrypoint, request->entrypoint, request->n_entrypoint);
    copy_texts(&settings->capabilities_add, request->capabilities_add, request->n_capabilities_add);
    copy_texts(
        &settings->capabilities_drop, request->capabilities_drop, request->n_capabilities_drop);
    settings->user = copy_text(request->user);
    settings->working_directory = copy_text(request->working_directory);
    settings->hostname = copy_text(request->hostname);
    settings->network = copy_text(request->network);
    settings->stop_signal = copy_text(request->stop_signal);
    if (request->has_stop_timeout) {
        TRY(check_stop_timeout(request->stop_timeout, err));
        settings->stop_timeout = (JsonInt){true, request->stop_timeout};
    }
    settings->platform = copy_text(request->platform);
    settings->memory = (JsonInt){true, request->memory};
    settings->nano_cpus = (JsonInt){true, request->nano_cpus};
    settings->pids_limit = (JsonInt){true, request->pids_limit};
    settings->terminal_rows = (JsonUint){true, request->terminal_rows};
    settings->terminal_columns = (JsonUint){true, request->terminal_columns};
    settings->runtime = copy_text(request->runtime);
    if (request->health)
        copy_health(request->health, settings);
    settings->log_driver = copy_text(request->log_driver);
    pairs_read(&settings->log_options, request->log_options, request->n_log_options);
    pairs_read(&settings->storage_options, request->storage_options, request->n_storage_options);
    if (request->restart) {
        settings->restart = copy_text(request->restart->name);
        settings->restart_retries = (JsonUint){true, request->restart->maximum_retries};
    }
    copy_flags(request, settings);
    TRY(copy_mounts(request, settings, err));
    return copy_ports(request, settings, err);
}

int api_containers_create(RpcCall *call, const Tare__V1__CreateContainerRequest *request,
    Tare__V1__CreateContainerResponse *response, Error *err) {
    autoptr(ContainerRecord) record = NULL;
    ContainerCreate create = {.name = request->name, .settings = new (ContainerSettings)};
    int r = copy_settings(request, create.settings, err);
    if (r == 0)
        r = container_create(containers_of(call), &create, &record, err);
    container_settings_free(create.settings);
    TRY(r);
    response->id = rpc_call_copy(call, record->id);
    return 0;
}

int api_containers_start(RpcCall *call, const Tare__V1__ContainerRequest *request,
    Tare__V1__ContainerEmpty *response, Error *err) {
    return container_start(containers_of(call), request->container, err);
}

int api_containers_attach(RpcCall *call, const Tare__V1__ContainerRequest *request,
    Tare__V1__AttachResponse *response, Error *err) {
    autofree char *socket = NULL;
    autoptr(ContainerRecord) record = NULL;
    TRY(container_attach(containers_of(call), request->container, &socket, &record, err));
    response->socket = rpc_call_copy(call, socket);
    response->terminal = record->settings->terminal.value;
    response->open_stdin = record->settings->open_stdin.value;
    return 0;
}

int api_containers_exec_create(RpcCall *call, const Tare__V1__ExecCreateRequest *request,
    Tare__V1__ExecCreateResponse *response, Error *err) {
    autodone(ExecSettings) settings = {
        .user = copy_text(request->user),
        .working_directory = copy_text(request->working_directory),
        .terminal = request->terminal,
        .open_stdin = request->open_stdin,
        .privileged = request->privileged,
        .terminal_rows = request->terminal_rows,
        .terminal_columns = request->terminal_columns,
    };
    autofree char *id = NULL, *socket = NULL;
    copy_texts(&settings.command, request->command, request->n_command);
    copy_texts(&settings.environment, request->environment, request->n_environment);
    TRY(container_exec_create(
        containers_of(call), request->container, &settings, &id, &socket, err));
    response->exec_id = rpc_call_copy(call, id);
    response->socket = rpc_call_copy(call, socket);
    return 0;
}

int api_containers_exec_start(RpcCall *call, const Tare__V1__ExecRequest *request,
    Tare__V1__ContainerEmpty *response, Error *err) {
    return container_exec_start(containers_of(call), request->container, request->exec_id, err);
}

int api_containers_kill(RpcCall *call, const Tare__V1__KillContainerRequest *request,
    Tare__V1__ContainerEmpty *response, Error *err) {
    return container_kill(containers_of(call), request->container, request->signal, err);
}

int api_containers_stop(RpcCall *call, const Tare__V1__StopContainerRequest *request,
    Tare__V1__ContainerEmpty *response, Error *err) {
    if (request->has_timeout)
        TRY(check_stop_timeout(request->timeout, err));
    const ContainerStop stop = {
        .signal = request->signal,
        .has_timeout = request->has_timeout,
        .timeout = request->timeout < 0 ? -1 : request->timeout * TIME_SECOND,
    };
    return container_stop(containers_of(call), request->container, &stop, err);
}

int api_containers_remove(RpcCall *call, const Tare__V1__RemoveContainerRequest *request,
    Tare__V1__ContainerEmpty *response, Error *err) {
    const ContainerRemove remove = {request->force, request->volumes};
    return container_remove(containers_of(call), request->container, &remove, err);
}

int api_containers_update(RpcCall *call, const Tare__V1__UpdateContainerRequest *request,
    Tare__V1__ContainerEmpty *response, Error *err) {
    ContainerUpdate update = {
        .memory = request->memory,
        .nano_cpus = request->nano_cpus,
        .pids_limit = request->pids_limit,
    };
    if (request->memory < 0 || request->nano_cpus < 0 || request->pids_limit < -1)
        return error_set(err, ERROR_INVALID, "a limit cannot be negative");
    if (request->restart) {
        update.restart = request->restart->name;
        update.restart_retries = request->restart->maximum_retries;
    }
    return container_update(containers_of(call), request->container, &update, err);
}
