// SPDX-License-Identifier: Apache-2.0
#include "engine/container/commit_config.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/container/mount/record.h"
#include "engine/container/spec/spec.h"

static void copy_texts(const JsonTexts *from, JsonTexts *to) {
    json_texts_done(to);
    for (size_t i = 0; i < from->n; i++)
        json_texts_add(to, from->item[i]);
}

static void set_text(char **to, const char *from) {
    if (text_is_empty(from))
        return;
    free(*to);
    *to = text_copy(from);
}

/* A deep copy by way of the document. */
static OciImageConfig *copy_config(const OciImageConfig *from) {
    OciImageConfig *copy = new (OciImageConfig);
    Error never;
    autofree char *json = json_encode(&oci_image_config_type, from, 0);
    json_decode(&oci_image_config_type, json, strlen(json), copy, &never);
    return copy;
}

/* An entrypoint of the user's takes the image's command away. */
static void merge_command(const ContainerSettings *settings, OciImageConfig *config) {
    if (settings->has_entrypoint.value) {
        json_texts_done(&config->entrypoint);
        json_texts_done(&config->cmd);
        if (settings->entrypoint.n > 0 && *settings->entrypoint.item[0])
            copy_texts(&settings->entrypoint, &config->entrypoint);
    }
    if (settings->command.n > 0)
        copy_texts(&settings->command, &config->cmd);
}

static void merge_labels(const ContainerSettings *settings, OciImageConfig *config) {
    for (size_t i = 0; i < settings->labels.n; i++) {
        const char *label = settings->labels.item[i], *equals = strchr(label, '=');
        autofree char *name =
            equals ? text_copy_n(label, (size_t)(equals - label)) : text_copy(label);
        json_map_set(&config->labels, name, equals ? equals + 1 : "");
    }
}

static bool has_key(const JsonObjectMap *map, const char *key) {
    for (size_t i = 0; i < map->n; i++)
        if (text_equal(map->key[i], key))
            return true;
    return false;
}

static void merge_ports(const ContainerSettings *settings, OciImageConfig *config) {
    const ContainerPort *port = settings->ports.item;
    for (size_t i = 0; i < settings->ports.n; i++) {
        autofree char *key =
            text_format("%d/%s", (int)port[i].container_port.value, port[i].protocol);
        if (!has_key(&config->exposed_ports, key))
            json_object_map_add(&config->exposed_ports, key, &oci_empty_type);
    }
}

/* -v PATH is a volume of each container of the image, too, as after VOLUME. */
static void merge_volumes(const ContainerSettings *settings, OciImageConfig *config) {
    const ContainerMount *mount = settings->mounts.item;
    for (size_t i = 0; i < settings->mounts.n; i++)
        if (text_equal(mount[i].origin, MOUNT_ORIGIN_PATH) &&
            !has_key(&config->volumes, mount[i].target))
            json_object_map_add(&config->volumes, mount[i].target, &oci_empty_type);
}

static void merge_health(const ContainerSettings *settings, OciImageConfig *config) {
    if (!settings->health)
        return;
    OciHealthcheck *copy = new (OciHealthcheck);
    Error never;
    autofree char *json = json_encode(&oci_healthcheck_type, settings->health, 0);
    json_decode(&oci_healthcheck_type, json, strlen(json), copy, &never);
    if (config->healthcheck)
        json_done(&oci_healthcheck_type, config->healthcheck);
    free(config->healthcheck);
    config->healthcheck = copy;
}

OciImageConfig *commit_config(const ContainerRecord *record) {
    const ContainerSettings *settings = record->settings;
    OciImageConfig *config = copy_config(record->image->config);
    autodone(JsonTexts) environment = {};
    spec_environment(record, &environment);
    copy_texts(&environment, &config->env);
    merge_command(settings, config);
    set_text(&config->user, settings->user);
    set_text(&config->working_dir, settings->working_directory);
    set_text(&config->stop_signal, settings->stop_signal);
    if (settings->stop_timeout.set)
        config->stop_timeout = settings->stop_timeout;
    merge_labels(settings, config);
    merge_ports(settings, config);
    merge_volumes(settings, config);
    merge_health(settings, config);
    return config;
}
