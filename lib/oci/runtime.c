// SPDX-License-Identifier: Apache-2.0
#include "oci/runtime.h"

#define T OciRoot
static const JsonField root_fields[] = {
    {"path", JSON_TEXT, JSON_AT(path), .flags = JSON_REQUIRED},
    {"readonly", JSON_BOOL, JSON_AT(readonly)},
    {},
};
static const JsonType root_type = {sizeof(T), root_fields};
#undef T

#define T OciMount
static const JsonField mount_fields[] = {
    {"destination", JSON_TEXT, JSON_AT(destination), .flags = JSON_REQUIRED},
    {"type", JSON_TEXT, JSON_AT(type)},
    {"source", JSON_TEXT, JSON_AT(source)},
    {"options", JSON_TEXTS, JSON_AT(options)},
    {"uidMappings", JSON_OBJECTS, JSON_AT(uid_mappings), &oci_id_mapping_type},
    {"gidMappings", JSON_OBJECTS, JSON_AT(gid_mappings), &oci_id_mapping_type},
    {},
};
const JsonType oci_mount_type = {sizeof(T), mount_fields};
#undef T

#define T OciHook
static const JsonField hook_fields[] = {
    {"path", JSON_TEXT, JSON_AT(path), .flags = JSON_REQUIRED},
    {"args", JSON_TEXTS, JSON_AT(args)},
    {"env", JSON_TEXTS, JSON_AT(env)},
    {"timeout", JSON_INT, JSON_AT(timeout), .flags = JSON_32},
    {},
};
const JsonType oci_hook_type = {sizeof(T), hook_fields};
#undef T

#define T OciHooks
static const JsonField hooks_fields[] = {
    {"prestart", JSON_OBJECTS, JSON_AT(prestart), &oci_hook_type},
    {"createRuntime", JSON_OBJECTS, JSON_AT(create_runtime), &oci_hook_type},
    {"createContainer", JSON_OBJECTS, JSON_AT(create_container), &oci_hook_type},
    {"startContainer", JSON_OBJECTS, JSON_AT(start_container), &oci_hook_type},
    {"poststart", JSON_OBJECTS, JSON_AT(poststart), &oci_hook_type},
    {"poststop", JSON_OBJECTS, JSON_AT(poststop), &oci_hook_type},
    {},
};
static const JsonType hooks_type = {sizeof(T), hooks_fields};
#undef T

#define T OciSpec
static const JsonField spec_fields[] = {
    {"ociVersion", JSON_TEXT, JSON_AT(oci_version), .flags = JSON_REQUIRED},
    {"process", JSON_OBJECT, JSON_AT(process), &oci_process_type},
    {"root", JSON_OBJECT, JSON_AT(root), &root_type},
    {"hostname", JSON_TEXT, JSON_AT(hostname)},
    {"domainname", JSON_TEXT, JSON_AT(domainname)},
    {"mounts", JSON_OBJECTS, JSON_AT(mounts), &oci_mount_type},
    {"hooks", JSON_OBJECT, JSON_AT(hooks), &hooks_type},
    {"annotations", JSON_MAP, JSON_AT(annotations)},
    {"linux", JSON_OBJECT, JSON_AT(linux), &oci_linux_type},
    {},
};
const JsonType oci_spec_type = {sizeof(T), spec_fields};
#undef T

#define T OciState
static const JsonField state_fields[] = {
    {"ociVersion", JSON_TEXT, JSON_AT(oci_version), .flags = JSON_ALWAYS},
    {"id", JSON_TEXT, JSON_AT(id), .flags = JSON_ALWAYS},
    {"status", JSON_TEXT, JSON_AT(status), .flags = JSON_ALWAYS},
    {"pid", JSON_INT, JSON_AT(pid)},
    {"bundle", JSON_TEXT, JSON_AT(bundle), .flags = JSON_ALWAYS},
    {"annotations", JSON_MAP, JSON_AT(annotations)},
    {},
};
const JsonType oci_state_type = {sizeof(T), state_fields};
#undef T
