// SPDX-License-Identifier: Apache-2.0
#include "engine/api/docker/image.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/api/docker/config.h"

typedef struct DockerGraph {
    char *name;
    JsonMap data;
} DockerGraph;

typedef struct DockerLayers {
    char *type;
    JsonTexts layers;
} DockerLayers;

typedef struct DockerMetadata {
    char *last_tag_time;
} DockerMetadata;

typedef struct DockerImage {
    char *id, *parent, *comment, *created, *docker_version, *author, *architecture, *variant, *os;
    JsonTexts repo_tags, repo_digests;
    DockerConfig *config;
    JsonInt size;
    DockerGraph *graph_driver;
    DockerLayers *rootfs;
    DockerMetadata *metadata;
} DockerImage;

#define T DockerGraph
static const JsonField graph_fields[] = {
    {"Data", JSON_MAP, JSON_AT(data), .flags = JSON_NULL},
    {"Name", JSON_TEXT, JSON_AT(name)},
    {},
};
static const JsonType graph_type = {sizeof(T), graph_fields};
#undef T

#define T DockerLayers
static const JsonField layers_fields[] = {
    {"Type", JSON_TEXT, JSON_AT(type)},
    {"Layers", JSON_TEXTS, JSON_AT(layers)},
    {},
};
static const JsonType layers_type = {sizeof(T), layers_fields};
#undef T

#define T DockerMetadata
static const JsonField metadata_fields[] = {{"LastTagTime", JSON_TEXT, JSON_AT(last_tag_time)}, {}};
static const JsonType metadata_type = {sizeof(T), metadata_fields};
#undef T

#define T DockerImage
static const JsonField image_fields[] = {
    {"Id", JSON_TEXT, JSON_AT(id)},
    {"RepoTags", JSON_TEXTS, JSON_AT(repo_tags), .flags = JSON_ALWAYS},
    {"RepoDigests", JSON_TEXTS, JSON_AT(repo_digests), .flags = JSON_ALWAYS},
    {"Parent", JSON_TEXT, JSON_AT(parent), .flags = JSON_ALWAYS},
    {"Comment", JSON_TEXT, JSON_AT(comment), .flags = JSON_ALWAYS},
    {"Created", JSON_TEXT, JSON_AT(created)},
    {"DockerVersion", JSON_TEXT, JSON_AT(docker_version), .flags = JSON_ALWAYS},
    {"Author", JSON_TEXT, JSON_AT(author), .flags = JSON_ALWAYS},
    {"Config", JSON_OBJECT, JSON_AT(config), &docker_config_type},
    {"Architecture", JSON_TEXT, JSON_AT(architecture), .flags = JSON_ALWAYS},
    {"Variant", JSON_TEXT, JSON_AT(variant)},
    {"Os", JSON_TEXT, JSON_AT(os), .flags = JSON_ALWAYS},
    {"Size", JSON_INT, JSON_AT(size), .flags = JSON_ALWAYS},
    {"GraphDriver", JSON_OBJECT, JSON_AT(graph_driver), &graph_type},
    {"RootFS", JSON_OBJECT, JSON_AT(rootfs), &layers_type},
    {"Metadata", JSON_OBJECT, JSON_AT(metadata), &metadata_type},
    {},
};
static const JsonType image_type = {sizeof(T), image_fields};
#undef T

static DockerConfig *config_of(const OciImageConfig *from) {
    DockerConfig *config = new (DockerConfig);
    config->hostname = text_copy(from->hostname);
    config->domainname = text_copy(from->domainname);
    config->user = text_copy(from->user);
    config->working_dir = text_copy(from->working_dir);
    config->stop_signal = text_copy(from->stop_signal);
    config->stop_timeout = from->stop_timeout;
    config->tty = from->tty;
    config->open_stdin = from->open_stdin;
    config->stdin_once = from->stdin_once;
    if (from->healthcheck)
        config->healthcheck = json_encode(&oci_healthcheck_type, from->healthcheck, 0);
    docker_copy_texts(&config->env, &from->env);
    docker_copy_texts(&config->cmd, &from->cmd);
    docker_copy_texts(&config->entrypoint, &from->entrypoint);
    docker_copy_texts(&config->on_build, &from->on_build);
    docker_copy_texts(&config->shell, &from->shell);
    docker_copy_keys(&config->exposed_ports, &from->exposed_ports);
    docker_copy_keys(&config->volumes, &from->volumes);
    docker_copy_map(&config->labels, &from->labels);
    return config;
}

/* As overlay2 calls them. Nothing is mounted at an image's MergedDir. */
static DockerGraph *graph_of(const JsonTexts *trees) {
    DockerGraph *graph = new (DockerGraph);
    graph->name = text_copy("overlay2"); // Docker's name of what overlay is
    if (!trees->n)
        return graph;
    autofree char *lower = trees->n > 1 ? texts_join(trees->item + 1, ":") : NULL;
    const char *upper = trees->item[0], *slash = strrchr(upper, '/');
    int n = (int)(slash ? slash - upper : 0);
    autofree char *merged = text_format("%.*s/merged", n, upper);
    autofree char *work = text_format("%.*s/work", n, upper);
    if (lower)
        json_map_set(&graph->data, "LowerDir", lower);
    json_map_set(&graph->data, "MergedDir", merged);
    json_map_set(&graph->data, "UpperDir", upper);
    json_map_set(&graph->data, "WorkDir", work);
    return graph;
}

static DockerImage document_of(const Image *image, const JsonTexts *trees) {
    const OciImage *from = &image->config;
    DockerImage document = {
        .id = text_copy(image->id),
        .parent = text_copy(image->parent),
        .comment = text_copy(from->comment),
        .created = text_copy(from->created ? from->created : "0001-01-01T00:00:00Z"),
        .docker_version = text_copy(from->docker_version),
        .author = text_copy(from->author),
        .architecture = text_copy(from->architecture),
        .variant = text_copy(from->variant),
        .os = text_copy(from->os),
        .config = config_of(from->config),
        .size = {true, (int64_t)image->size},
        .graph_driver = graph_of(trees),
        .rootfs = new (DockerLayers),
        .metadata = new (DockerMetadata),
    };
    docker_copy_texts(&document.repo_tags, &image->references);
    docker_copy_texts(&document.repo_digests, &image->digests);
    document.rootfs->type = text_copy("layers");
    docker_copy_texts(&document.rootfs->layers, &from->rootfs->diff_ids);
    document.metadata->last_tag_time = docker_time(image->tagged);
    return document;
}

char *docker_image_inspect(const Image *image, const JsonTexts *trees) {
    DockerImage document = document_of(image, trees);
    char *text = json_encode(&image_type, &document, 0);
    json_done(&image_type, &document);
    return text;
}
