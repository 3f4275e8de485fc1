// SPDX-License-Identifier: Apache-2.0
#include "engine/container/record.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

#define T ContainerPort
static const JsonField port_fields[] = {
    {"hostIp", JSON_TEXT, JSON_AT(host_ip)},
    {"protocol", JSON_TEXT, JSON_AT(protocol)},
    {"hostPort", JSON_UINT, JSON_AT(host_port)},
    {"containerPort", JSON_UINT, JSON_AT(container_port)},
    {},
};
const JsonType container_port_type = {sizeof(T), port_fields};
#undef T

#define T ContainerMount
static const JsonField mount_fields[] = {
    {"type", JSON_TEXT, JSON_AT(type)},
    {"source", JSON_TEXT, JSON_AT(source)},
    {"target", JSON_TEXT, JSON_AT(target)},
    {"propagation", JSON_TEXT, JSON_AT(propagation)},
    {"mode", JSON_TEXT, JSON_AT(mode)},
    {"readOnly", JSON_BOOL, JSON_AT(read_only)},
    {"strict", JSON_BOOL, JSON_AT(strict)},
    {"volume", JSON_TEXT, JSON_AT(volume)},
    {"driver", JSON_TEXT, JSON_AT(driver)},
    {"subpath", JSON_TEXT, JSON_AT(subpath)},
    {"volumeLabels", JSON_MAP, JSON_AT(volume_labels)},
    {"volumeOptions", JSON_MAP, JSON_AT(volume_options)},
    {"anonymous", JSON_BOOL, JSON_AT(anonymous)},
    {"noCopy", JSON_BOOL, JSON_AT(no_copy)},
    {"options", JSON_TEXT, JSON_AT(options)},
    {"origin", JSON_TEXT, JSON_AT(origin)},
    {},
};
const JsonType container_mount_type = {sizeof(T), mount_fields};
#undef T

#define T ContainerSettings
static const JsonField settings_fields[] = {
    {"image", JSON_TEXT, JSON_AT(image), .flags = JSON_REQUIRED},
    {"command", JSON_TEXTS, JSON_AT(command)},
    {"entrypoint", JSON_TEXTS, JSON_AT(entrypoint)},
    {"environment", JSON_TEXTS, JSON_AT(environment)},
    {"labels", JSON_TEXTS, JSON_AT(labels)},
    {"user", JSON_TEXT, JSON_AT(user)},
    {"workingDirectory", JSON_TEXT, JSON_AT(working_directory)},
    {"hostname", JSON_TEXT, JSON_AT(hostname)},
    {"network", JSON_TEXT, JSON_AT(network)},
    {"stopSignal", JSON_TEXT, JSON_AT(stop_signal)},
    {"stopTimeout", JSON_INT, JSON_AT(stop_timeout)},
    {"platform", JSON_TEXT, JSON_AT(platform)},
    {"hasEntrypoint", JSON_BOOL, JSON_AT(has_entrypoint)},
    {"terminal", JSON_BOOL, JSON_AT(terminal)},
    {"openStdin", JSON_BOOL, JSON_AT(open_stdin)},
    {"stdinOnce", JSON_BOOL, JSON_AT(stdin_once)},
    {"autoRemove", JSON_BOOL, JSON_AT(auto_remove)},
    {"readOnly", JSON_BOOL, JSON_AT(read_only)},
    {"privileged", JSON_BOOL, JSON_AT(privileged)},
    {"attachStdin", JSON_BOOL, JSON_AT(attach_stdin)},
    {"attachStdout", JSON_BOOL, JSON_AT(attach_stdout)},
    {"attachStderr", JSON_BOOL, JSON_AT(attach_stderr)},
    {"capabilitiesAdd", JSON_TEXTS, JSON_AT(capabilities_add)},
    {"capabilitiesDrop", JSON_TEXTS, JSON_AT(capabilities_drop)},
    {"memory", JSON_INT, JSON_AT(memory)},
    {"nanoCpus", JSON_INT, JSON_AT(nano_cpus)},
    {"pidsLimit", JSON_INT, JSON_AT(pids_limit)},
    {"ports", JSON_OBJECTS, JSON_AT(ports), &container_port_type},
    {"mounts", JSON_OBJECTS, JSON_AT(mounts), &container_mount_type},
    {"volumesFrom", JSON_TEXTS, JSON_AT(volumes_from)},
    {"terminalRows", JSON_UINT, JSON_AT(terminal_rows)},
    {"terminalColumns", JSON_UINT, JSON_AT(terminal_columns)},
    {"restart", JSON_TEXT, JSON_AT(restart)},
    {"restartRetries", JSON_UINT, JSON_AT(restart_retries)},
    {"runtime", JSON_TEXT, JSON_AT(runtime)},
    {"health", JSON_OBJECT, JSON_AT(health), &oci_healthcheck_type},
    {"healthOnFailure", JSON_TEXT, JSON_AT(health_on_failure)},
    {"logDriver", JSON_TEXT, JSON_AT(log_driver)},
    {"logOptions", JSON_MAP, JSON_AT(log_options)},
    {"storageOptions", JSON_MAP, JSON_AT(storage_options)},
    {},
};
static const JsonType settings_type = {sizeof(T), settings_fields};
#undef T

#define T ContainerImage
static const JsonField image_fields[] = {
    {"id", JSON_TEXT, JSON_AT(id), .flags = JSON_REQUIRED},
    {"chainId", JSON_TEXT, JSON_AT(chain_id)},
    {"config", JSON_OBJECT, JSON_AT(config), &oci_image_config_type, JSON_REQUIRED},
    {},
};
static const JsonType image_type = {sizeof(T), image_fields};
#undef T

#define T ContainerEndpoint
static const JsonField endpoint_fields[] = {
    {"id", JSON_TEXT, JSON_AT(id)},
    {"network", JSON_TEXT, JSON_AT(network)},
    {"sandbox", JSON_TEXT, JSON_AT(sandbox)},
    {"ip", JSON_TEXT, JSON_AT(ip)},
    {"gateway", JSON_TEXT, JSON_AT(gateway)},
    {"mac", JSON_TEXT, JSON_AT(mac)},
    {"interface", JSON_TEXT, JSON_AT(interface)},
    {"prefix", JSON_UINT, JSON_AT(prefix)},
    {"ports", JSON_OBJECTS, JSON_AT(ports), &container_port_type},
    {},
};
const JsonType container_endpoint_type = {sizeof(T), endpoint_fields};
#undef T

#define T ContainerHealthResult
static const JsonField health_result_fields[] = {
    {"started", JSON_INT, JSON_AT(started)},
    {"ended", JSON_INT, JSON_AT(ended)},
    {"exitCode", JSON_INT, JSON_AT(exit_code)},
    {"output", JSON_TEXT, JSON_AT(output)},
    {},
};
const JsonType container_health_result_type = {sizeof(T), health_result_fields};
#undef T

#define T ContainerHealth
static const JsonField health_fields[] = {
    {"status", JSON_TEXT, JSON_AT(status)},
    {"failingStreak", JSON_UINT, JSON_AT(failing_streak)},
    {"results", JSON_OBJECTS, JSON_AT(results), &container_health_result_type},
    {},
};
const JsonType container_health_type = {sizeof(T), health_fields};
#undef T

#define T ContainerState
static const JsonField state_fields[] = {
    {"status", JSON_TEXT, JSON_AT(status_text), .flags = JSON_REQUIRED},
    {"pid", JSON_INT, JSON_AT(pid)},
    {"exitCode", JSON_INT, JSON_AT(exit_code)},
    {"started", JSON_INT, JSON_AT(started)},
    {"finished", JSON_INT, JSON_AT(finished)},
    {"restartCount", JSON_UINT, JSON_AT(restart_count)},
    {"oomKilled", JSON_BOOL, JSON_AT(oom_killed)},
    {"oom", JSON_OBJECT, JSON_AT(oom), &container_oom_type},
    {"restarting", JSON_BOOL, JSON_AT(restarting)},
    {"stopped", JSON_BOOL, JSON_AT(stopped)},
    {"held", JSON_BOOL, JSON_AT(held)},
    {"removeVolumes", JSON_BOOL, JSON_AT(remove_volumes)},
    {"error", JSON_TEXT, JSON_AT(error)},
    {"endpoint", JSON_OBJECT, JSON_AT(endpoint), &container_endpoint_type},
    {"health", JSON_OBJECT, JSON_AT(health), &container_health_type},
    {},
};
static const JsonType state_type = {sizeof(T), state_fields};
#undef T

#define T ContainerRecord
static const JsonField record_fields[] = {
    {"id", JSON_TEXT, JSON_AT(id), .flags = JSON_REQUIRED},
    {"name", JSON_TEXT, JSON_AT(name), .flags = JSON_REQUIRED},
    {"created", JSON_INT, JSON_AT(created)},
    {"settings", JSON_OBJECT, JSON_AT(settings), &settings_type, JSON_REQUIRED},
    {"image", JSON_OBJECT, JSON_AT(image), &image_type, JSON_REQUIRED},
    {"state", JSON_OBJECT, JSON_AT(state), &state_type, JSON_REQUIRED},
    {},
};
static const JsonType record_type = {sizeof(T), record_fields};
#undef T

static const char *const status_names[] = {
    [CONTAINER_CREATED] = "created",
    [CONTAINER_RUNNING] = "running",
    [CONTAINER_EXITED] = "exited",
    [CONTAINER_REMOVING] = "removing",
};
_Static_assert(array_size(status_names) == CONTAINER_REMOVING + 1, "a name for each status");

const char *container_status_name(ContainerStatus status) {
    return status_names[status];
}

const char *container_state_name(const ContainerState *state) {
    return state->restarting.value ? "restarting" : container_status_name(state->status);
}

ContainerRecord *container_record_new(void) {
    ContainerRecord *record = new (ContainerRecord);
    atomic_init(&record->references, 1);
    record->settings = new (ContainerSettings);
    record->image = new (ContainerImage);
    record->image->config = new (OciImageConfig);
    record->state = new (ContainerState);
    return record;
}

ContainerRecord *container_record_ref(ContainerRecord *record) {
    atomic_fetch_add(&record->references, 1);
    return record;
}

void container_record_unref(ContainerRecord *record) {
    if (!record || atomic_fetch_sub(&record->references, 1) != 1)
        return;
    json_done(&record_type, record);
    free(record);
}

/* The record may be shared and must not be written to: only its state's text is ours. */
char *container_record_encode(const ContainerRecord *record) {
    ContainerState state = *record->state;
    autofree char *status = text_copy(container_status_name(state.status));
    state.status_text = status;
    const ContainerRecord shown = {
        .id = record->id,
        .name = record->name,
        .created = record->created,
        .settings = record->settings,
        .image = record->image,
        .state = &state,
    };
    return json_encode(&record_type, &shown, 0);
}

static int status_parse(const char *text, ContainerStatus *ret, Error *err) {
    for (size_t i = 0; i < array_size(status_names); i++) {
        if (text_equal(text, status_names[i])) {
            *ret = (ContainerStatus)i;
            return 0;
        }
    }
    return error_set(err, ERROR_CORRUPT, "state.status: unknown status '%s'", text);
}

int container_record_decode(const char *text, ContainerRecord **ret, Error *err) {
    ContainerRecord *record = new (ContainerRecord);
    int r = json_decode(&record_type, text, strlen(text), record, err);
    if (r == 0)
        r = status_parse(record->state->status_text, &record->state->status, err);
    atomic_init(&record->references, 1); /* decoding begins by zeroing */
    if (r < 0) {
        container_record_unref(record);
        return r;
    }
    *ret = record;
    return 0;
}

ContainerRecord *container_record_copy(const ContainerRecord *record) {
    autofree char *text = container_record_encode(record);
    ContainerRecord *copy = NULL;
    Error err = {};
    if (container_record_decode(text, &copy, &err) < 0)
        abort(); /* we wrote it ourselves */
    return copy;
}

void container_state_reset(ContainerState *state) {
    if (state->endpoint) {
        json_done(&container_endpoint_type, state->endpoint);
        free(take_ptr(&state->endpoint));
    }
    free(take_ptr(&state->error));
    state->pid = (JsonInt){true, 0};
    container_oom_free(take_ptr(&state->oom));
    state->oom_killed = state->restarting = state->held = (JsonBool){};
}

void container_health_free(ContainerHealth *health) {
    if (health)
        json_done(&container_health_type, health);
    free(health);
}

void container_settings_free(ContainerSettings *settings) {
    if (!settings)
        return;
    json_done(&settings_type, settings);
    free(settings);
}
