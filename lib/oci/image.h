// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/cleanup.h"
#include "base/json.h"

/* The documents of an image: OCI image-spec 1.1, and Docker's schema 2 where it has more fields.
 * Decode and encode with the JsonType beside each; meaning is checked by engine/image. */
#define OCI_MEDIA_INDEX "application/vnd.oci.image.index.v1+json"
#define OCI_MEDIA_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define OCI_MEDIA_CONFIG "application/vnd.oci.image.config.v1+json"
#define OCI_MEDIA_LAYER "application/vnd.oci.image.layer.v1.tar"
#define DOCKER_MEDIA_LIST "application/vnd.docker.distribution.manifest.list.v2+json"
#define DOCKER_MEDIA_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"
#define DOCKER_MEDIA_CONFIG "application/vnd.docker.container.image.v1+json"
#define DOCKER_MEDIA_LAYER "application/vnd.docker.image.rootfs.diff.tar.gzip"

typedef struct OciPlatform {
    char *architecture, *os, *os_version, *variant;
    JsonTexts os_features;
} OciPlatform;

typedef struct OciDescriptor {
    char *media_type, *digest, *artifact_type;
    JsonUint size;
    JsonTexts urls;
    JsonMap annotations;
    OciPlatform *platform;
} OciDescriptor;

typedef struct OciIndex {
    JsonUint schema_version;
    char *media_type;
    JsonObjects manifests; /* OciDescriptor */
    JsonMap annotations;
    char *config, *layers; /* raw; present only in a document that lies about its type */
} OciIndex;

typedef struct OciManifest {
    JsonUint schema_version;
    char *media_type, *artifact_type;
    OciDescriptor *config, *subject; /* subject: what this one is about, or NULL */
    JsonObjects layers;              /* OciDescriptor */
    JsonMap annotations;
    char *manifests; /* raw; present only in a document that lies about its type */
} OciManifest;

typedef struct OciHealthcheck {
    JsonTexts test;
    JsonInt interval, timeout, start_period, start_interval; /* ns */
    JsonInt retries;
} OciHealthcheck;

typedef struct OciEmpty {
    char unused;
} OciEmpty;

typedef struct OciImageConfig {
    char *user, *working_dir, *stop_signal;
    JsonTexts env, entrypoint, cmd, shell, on_build;
    JsonObjectMap exposed_ports, volumes; /* OciEmpty by "80/tcp", "/path" */
    JsonMap labels;
    OciHealthcheck *healthcheck;
    JsonBool args_escaped, tty, open_stdin, stdin_once;
    JsonInt stop_timeout; /* s */
    char *hostname, *domainname;
} OciImageConfig;

typedef struct OciHistory {
    char *created, *created_by, *author, *comment;
    JsonBool empty_layer;
} OciHistory;

typedef struct OciRootfs {
    char *type;
    JsonTexts diff_ids;
} OciRootfs;

typedef struct OciImage {
    char *created, *author, *architecture, *variant, *os, *os_version;
    JsonTexts os_features;
    OciImageConfig *config;
    OciRootfs *rootfs;
    JsonObjects history;                                 /* OciHistory */
    char *docker_version, *comment, *parent, *container; /* Docker's */
} OciImage;

extern const JsonType oci_platform_type, oci_descriptor_type, oci_index_type, oci_manifest_type;
extern const JsonType oci_healthcheck_type;
extern const JsonType oci_image_type, oci_image_config_type, oci_history_type, oci_empty_type;

void oci_image_done(OciImage *image);
void oci_index_done(OciIndex *index);
void oci_manifest_done(OciManifest *manifest);
CLEANUP_DEFINE_DONE(OciImage, oci_image_done)
CLEANUP_DEFINE_DONE(OciIndex, oci_index_done)
CLEANUP_DEFINE_DONE(OciManifest, oci_manifest_done)
