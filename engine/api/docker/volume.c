// SPDX-License-Identifier: Apache-2.0
#include "engine/api/docker/volume.h"

#include "base/text.h"
#include "base/time.h"
#include "engine/api/docker/config.h"

typedef struct DockerVolume {
    char *created_at, *driver, *mountpoint, *name, *scope;
    JsonMap labels, options;
} DockerVolume;

#define T DockerVolume
static const JsonField fields[] = {
    {"CreatedAt", JSON_TEXT, JSON_AT(created_at)},
    {"Driver", JSON_TEXT, JSON_AT(driver)},
    {"Labels", JSON_MAP, JSON_AT(labels), .flags = JSON_NULL},
    {"Mountpoint", JSON_TEXT, JSON_AT(mountpoint)},
    {"Name", JSON_TEXT, JSON_AT(name)},
    {"Options", JSON_MAP, JSON_AT(options), .flags = JSON_NULL},
    {"Scope", JSON_TEXT, JSON_AT(scope)},
    {},
};
static const JsonType type = {sizeof(T), fields};
#undef T

char *docker_volume_inspect(const Volume *volume, const char *mountpoint) {
    DockerVolume document = {
        .created_at = docker_time(volume->created.value / TIME_SECOND * TIME_SECOND),
        .driver = text_copy("local"),
        .mountpoint = text_copy(mountpoint),
        .name = text_copy(volume->name),
        .scope = text_copy("local"),
    };
    docker_copy_map(&document.labels, &volume->labels);
    docker_copy_map(&document.options, &volume->options);
    char *text = json_encode(&type, &document, 0);
    json_done(&type, &document);
    return text;
}
