// SPDX-License-Identifier: Apache-2.0
#include "cli/template/omitted.h"

#include "base/memory.h"
#include "base/text.h"

#define POINTER "null", "<nil>"
#define LIST "null", "[]"
#define MAP "null", "map[]"
#define TEXT "\"\"", ""

static const struct {
    const char *name, *value, *print;
} rows[] = {
    {"ArgsEscaped", "false", "false"},
    {"Binds", LIST},
    {"CapAdd", LIST},
    {"CapDrop", LIST},
    {"Cmd", LIST},
    {"Container", TEXT},
    {"ContainerConfig", POINTER},
    {"Descriptor", POINTER},
    {"Devices", LIST},
    {"Dns", LIST},
    {"DnsOptions", LIST},
    {"DnsSearch", LIST},
    {"Entrypoint", LIST},
    {"Env", LIST},
    {"ExecIDs", LIST},
    {"ExposedPorts", MAP},
    {"ExtraHosts", LIST},
    {"GroupAdd", LIST},
    {"Health", POINTER},
    {"Healthcheck", POINTER},
    {"ImageManifestDescriptor", POINTER},
    {"Labels", MAP},
    {"Links", LIST},
    {"MacAddress", TEXT},
    {"Manifests", LIST},
    {"NetworkDisabled", "false", "false"},
    {"OnBuild", LIST},
    {"Options", MAP},
    {"OsVersion", TEXT},
    {"PortBindings", MAP},
    {"Ports", MAP},
    {"RepoDigests", LIST},
    {"RepoTags", LIST},
    {"SecurityOpt", LIST},
    {"Shell", LIST},
    {"SizeRootFs", POINTER},
    {"SizeRw", POINTER},
    {"StopSignal", TEXT},
    {"StopTimeout", POINTER},
    {"Ulimits", LIST},
    {"Variant", TEXT},
    {"VirtualSize", "0", "0"},
    {"Volumes", MAP},
    {"VolumesFrom", LIST},
};

const char *omitted_value(const char *name) {
    for (size_t i = 0; i < array_size(rows); i++)
        if (text_equal(rows[i].name, name))
            return rows[i].value;
    return NULL;
}

const char *omitted_print(const char *name) {
    for (size_t i = 0; i < array_size(rows); i++)
        if (text_equal(rows[i].name, name))
            return rows[i].print;
    return NULL;
}
