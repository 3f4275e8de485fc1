// SPDX-License-Identifier: Apache-2.0
#include "engine/api/docker/config.h"

#include "base/text.h"
#include "base/time.h"
#include "oci/image.h"

#define T DockerConfig
static const JsonField config_fields[] = {
    {"Hostname", JSON_TEXT, JSON_AT(hostname), .flags = JSON_ALWAYS},
    {"Domainname", JSON_TEXT, JSON_AT(domainname), .flags = JSON_ALWAYS},
    {"User", JSON_TEXT, JSON_AT(user), .flags = JSON_ALWAYS},
    {"AttachStdin", JSON_BOOL, JSON_AT(attach_stdin), .flags = JSON_ALWAYS},
    {"AttachStdout", JSON_BOOL, JSON_AT(attach_stdout), .flags = JSON_ALWAYS},
    {"AttachStderr", JSON_BOOL, JSON_AT(attach_stderr), .flags = JSON_ALWAYS},
    {"ExposedPorts", JSON_OBJECT_MAP, JSON_AT(exposed_ports), &oci_empty_type},
    {"Tty", JSON_BOOL, JSON_AT(tty), .flags = JSON_ALWAYS},
    {"OpenStdin", JSON_BOOL, JSON_AT(open_stdin), .flags = JSON_ALWAYS},
    {"StdinOnce", JSON_BOOL, JSON_AT(stdin_once), .flags = JSON_ALWAYS},
    {"Env", JSON_TEXTS, JSON_AT(env), .flags = JSON_ALWAYS},
    {"Cmd", JSON_TEXTS, JSON_AT(cmd), .flags = JSON_NULL},
    {"Healthcheck", JSON_RAW, JSON_AT(healthcheck)},
    {"Image", JSON_TEXT, JSON_AT(image), .flags = JSON_ALWAYS},
    {"Volumes", JSON_OBJECT_MAP, JSON_AT(volumes), &oci_empty_type, JSON_NULL},
    {"WorkingDir", JSON_TEXT, JSON_AT(working_dir), .flags = JSON_ALWAYS},
    {"Entrypoint", JSON_TEXTS, JSON_AT(entrypoint), .flags = JSON_NULL},
    {"OnBuild", JSON_TEXTS, JSON_AT(on_build), .flags = JSON_NULL},
    {"Labels", JSON_MAP, JSON_AT(labels), .flags = JSON_ALWAYS},
    {"StopSignal", JSON_TEXT, JSON_AT(stop_signal)},
    {"StopTimeout", JSON_INT, JSON_AT(stop_timeout)},
    {"Shell", JSON_TEXTS, JSON_AT(shell)},
    {},
};
const JsonType docker_config_type = {sizeof(T), config_fields};
#undef T

void docker_copy_texts(JsonTexts *to, const JsonTexts *from) {
    for (size_t i = 0; i < from->n; i++)
        json_texts_add(to, from->item[i]);
}

void docker_copy_keys(JsonObjectMap *to, const JsonObjectMap *from) {
    for (size_t i = 0; i < from->n; i++)
        json_object_map_add(to, from->key[i], &oci_empty_type);
}

void docker_copy_map(JsonMap *to, const JsonMap *from) {
    for (size_t i = 0; i < from->n; i++)
        json_map_set(to, from->key[i], from->value[i]);
}

char *docker_time(int64_t time) {
    char buffer[TIME_TEXT_SIZE];
    return text_copy(time_format(time, buffer));
}

JsonBool docker_bool(bool value) {
    return (JsonBool){true, value};
}
