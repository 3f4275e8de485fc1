// SPDX-License-Identifier: Apache-2.0
#include "oci/image.h"

#define T OciPlatform
static const JsonField platform_fields[] = {
    {"architecture", JSON_TEXT, JSON_AT(architecture)},
    {"os", JSON_TEXT, JSON_AT(os)},
    {"os.version", JSON_TEXT, JSON_AT(os_version)},
    {"os.features", JSON_TEXTS, JSON_AT(os_features)},
    {"variant", JSON_TEXT, JSON_AT(variant)},
    {},
};
const JsonType oci_platform_type = {sizeof(T), platform_fields};
#undef T

#define T OciDescriptor
static const JsonField descriptor_fields[] = {
    {"mediaType", JSON_TEXT, JSON_AT(media_type)},
    {"digest", JSON_TEXT, JSON_AT(digest), .flags = JSON_REQUIRED},
    {"size", JSON_UINT, JSON_AT(size), .flags = JSON_REQUIRED},
    {"urls", JSON_TEXTS, JSON_AT(urls)},
    {"annotations", JSON_MAP, JSON_AT(annotations)},
    {"artifactType", JSON_TEXT, JSON_AT(artifact_type)},
    {"platform", JSON_OBJECT, JSON_AT(platform), &oci_platform_type},
    {},
};
const JsonType oci_descriptor_type = {sizeof(T), descriptor_fields};
#undef T

#define T OciIndex
static const JsonField index_fields[] = {
    {"schemaVersion", JSON_UINT, JSON_AT(schema_version)},
    {"mediaType", JSON_TEXT, JSON_AT(media_type)},
    {"manifests", JSON_OBJECTS, JSON_AT(manifests), &oci_descriptor_type, JSON_REQUIRED},
    {"annotations", JSON_MAP, JSON_AT(annotations)},
    {"config", JSON_RAW, JSON_AT(config)},
    {"layers", JSON_RAW, JSON_AT(layers)},
    {},
};
const JsonType oci_index_type = {sizeof(T), index_fields};
#undef T

#define T OciManifest
static const JsonField manifest_fields[] = {
    {"schemaVersion", JSON_UINT, JSON_AT(schema_version)},
    {"mediaType", JSON_TEXT, JSON_AT(media_type)},
    {"artifactType", JSON_TEXT, JSON_AT(artifact_type)},
    {"config", JSON_OBJECT, JSON_AT(config), &oci_descriptor_type, JSON_REQUIRED},
    {"layers", JSON_OBJECTS, JSON_AT(layers), &oci_descriptor_type, JSON_ALWAYS},
    {"annotations", JSON_MAP, JSON_AT(annotations)},
    {"subject", JSON_OBJECT, JSON_AT(subject), &oci_descriptor_type},
    {"manifests", JSON_RAW, JSON_AT(manifests)},
    {},
};
const JsonType oci_manifest_type = {sizeof(T), manifest_fields};
#undef T

#define T OciHealthcheck
static const JsonField healthcheck_fields[] = {
    {"Test", JSON_TEXTS, JSON_AT(test)},
    {"Interval", JSON_INT, JSON_AT(interval)},
    {"Timeout", JSON_INT, JSON_AT(timeout)},
    {"StartPeriod", JSON_INT, JSON_AT(start_period)},
    {"StartInterval", JSON_INT, JSON_AT(start_interval)},
    {"Retries", JSON_INT, JSON_AT(retries)},
    {},
};
const JsonType oci_healthcheck_type = {sizeof(T), healthcheck_fields};
#undef T

static const JsonField empty_fields[] = {{}};
const JsonType oci_empty_type = {sizeof(OciEmpty), empty_fields};

#define T OciImageConfig
static const JsonField config_fields[] = {
    {"Hostname", JSON_TEXT, JSON_AT(hostname)},
    {"Domainname", JSON_TEXT, JSON_AT(domainname)},
    {"User", JSON_TEXT, JSON_AT(user)},
    {"ExposedPorts", JSON_OBJECT_MAP, JSON_AT(exposed_ports), &oci_empty_type},
    {"Tty", JSON_BOOL, JSON_AT(tty)},
    {"OpenStdin", JSON_BOOL, JSON_AT(open_stdin)},
    {"StdinOnce", JSON_BOOL, JSON_AT(stdin_once)},
    {"Env", JSON_TEXTS, JSON_AT(env)},
    {"Cmd", JSON_TEXTS, JSON_AT(cmd)},
    {"Healthcheck", JSON_OBJECT, JSON_AT(healthcheck), &oci_healthcheck_type},
    {"ArgsEscaped", JSON_BOOL, JSON_AT(args_escaped)},
    {"Volumes", JSON_OBJECT_MAP, JSON_AT(volumes), &oci_empty_type},
    {"WorkingDir", JSON_TEXT, JSON_AT(working_dir)},
    {"Entrypoint", JSON_TEXTS, JSON_AT(entrypoint)},
    {"OnBuild", JSON_TEXTS, JSON_AT(on_build)},
    {"Labels", JSON_MAP, JSON_AT(labels)},
    {"StopSignal", JSON_TEXT, JSON_AT(stop_signal)},
    {"StopTimeout", JSON_INT, JSON_AT(stop_timeout)},
    {"Shell", JSON_TEXTS, JSON_AT(shell)},
    {},
};
const JsonType oci_image_config_type = {sizeof(T), config_fields};
#undef T

#define T OciHistory
static const JsonField history_fields[] = {
    {"created", JSON_TEXT, JSON_AT(created)},
    {"created_by", JSON_TEXT, JSON_AT(created_by)},
    {"author", JSON_TEXT, JSON_AT(author)},
    {"comment", JSON_TEXT, JSON_AT(comment)},
    {"empty_layer", JSON_BOOL, JSON_AT(empty_layer)},
    {},
};
const JsonType oci_history_type = {sizeof(T), history_fields};
#undef T

#define T OciRootfs
static const JsonField rootfs_fields[] = {
    {"type", JSON_TEXT, JSON_AT(type)},
    {"diff_ids", JSON_TEXTS, JSON_AT(diff_ids), .flags = JSON_ALWAYS},
    {},
};
static const JsonType rootfs_type = {sizeof(T), rootfs_fields};
#undef T

#define T OciImage
static const JsonField image_fields[] = {
    {"created", JSON_TEXT, JSON_AT(created)},
    {"author", JSON_TEXT, JSON_AT(author)},
    {"architecture", JSON_TEXT, JSON_AT(architecture), .flags = JSON_ALWAYS},
    {"variant", JSON_TEXT, JSON_AT(variant)},
    {"os", JSON_TEXT, JSON_AT(os), .flags = JSON_ALWAYS},
    {"os.version", JSON_TEXT, JSON_AT(os_version)},
    {"os.features", JSON_TEXTS, JSON_AT(os_features)},
    {"config", JSON_OBJECT, JSON_AT(config), &oci_image_config_type},
    {"rootfs", JSON_OBJECT, JSON_AT(rootfs), &rootfs_type, JSON_REQUIRED},
    {"history", JSON_OBJECTS, JSON_AT(history), &oci_history_type},
    {"docker_version", JSON_TEXT, JSON_AT(docker_version)},
    {"comment", JSON_TEXT, JSON_AT(comment)},
    {"parent", JSON_TEXT, JSON_AT(parent)},
    {"container", JSON_TEXT, JSON_AT(container)},
    {},
};
const JsonType oci_image_type = {sizeof(T), image_fields};
#undef T

void oci_image_done(OciImage *image) {
    json_done(&oci_image_type, image);
}

void oci_index_done(OciIndex *index) {
    json_done(&oci_index_type, index);
}

void oci_manifest_done(OciManifest *manifest) {
    json_done(&oci_manifest_type, manifest);
}
