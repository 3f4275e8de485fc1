// SPDX-License-Identifier: Apache-2.0
#include "cli/about.h"

#include <sys/utsname.h>

#include "base/json.h"
#include "base/text.h"
#include "version.h"

typedef struct Program {
    const char *version, *commit, *os, *architecture, *kernel, *built;
} Program;

#define T Program
static const JsonField program_fields[] = {
    {"Version", JSON_TEXT, JSON_AT(version), .flags = JSON_ALWAYS},
    {"GitCommit", JSON_TEXT, JSON_AT(commit), .flags = JSON_ALWAYS},
    {"Os", JSON_TEXT, JSON_AT(os), .flags = JSON_ALWAYS},
    {"Arch", JSON_TEXT, JSON_AT(architecture), .flags = JSON_ALWAYS},
    {"KernelVersion", JSON_TEXT, JSON_AT(kernel)},
    {"BuildTime", JSON_TEXT, JSON_AT(built)},
    {},
};
static const JsonType program_type = {sizeof(T), program_fields};
#undef T

typedef struct Version {
    Program *client, *server;
} Version;

#define T Version
static const JsonField version_fields[] = {
    {"Client", JSON_OBJECT, JSON_AT(client), .type = &program_type},
    {"Server", JSON_OBJECT, JSON_AT(server), .type = &program_type, .flags = JSON_NULL},
    {},
};
static const JsonType version_type = {sizeof(T), version_fields};
#undef T

typedef struct Registries {
    JsonTexts mirrors, insecure;
} Registries;

#define T Registries
static const JsonField registries_fields[] = {
    {"InsecureRegistries", JSON_TEXTS, JSON_AT(insecure), .flags = JSON_ALWAYS},
    {"Mirrors", JSON_TEXTS, JSON_AT(mirrors), .flags = JSON_ALWAYS},
    {},
};
static const JsonType registries_type = {sizeof(T), registries_fields};
#undef T

typedef struct Info {
    const char *id, *driver, *logging, *cgroup_driver, *cgroup_version, *kernel, *system, *os;
    const char *architecture, *name, *version, *root, *state, *runtime;
    JsonInt containers, running, paused, stopped, images, cpus, memory;
    JsonBool live_restore;
    JsonTexts security, runtimes, warnings;
    Registries *registries;
} Info;

#define T Info
static const JsonField info_fields[] = {
    {"ID", JSON_TEXT, JSON_AT(id), .flags = JSON_ALWAYS},
    {"Containers", JSON_INT, JSON_AT(containers)},
    {"ContainersRunning", JSON_INT, JSON_AT(running)},
    {"ContainersPaused", JSON_INT, JSON_AT(paused)},
    {"ContainersStopped", JSON_INT, JSON_AT(stopped)},
    {"Images", JSON_INT, JSON_AT(images)},
    {"Driver", JSON_TEXT, JSON_AT(driver), .flags = JSON_ALWAYS},
    {"LoggingDriver", JSON_TEXT, JSON_AT(logging), .flags = JSON_ALWAYS},
    {"CgroupDriver", JSON_TEXT, JSON_AT(cgroup_driver), .flags = JSON_ALWAYS},
    {"CgroupVersion", JSON_TEXT, JSON_AT(cgroup_version), .flags = JSON_ALWAYS},
    {"KernelVersion", JSON_TEXT, JSON_AT(kernel), .flags = JSON_ALWAYS},
    {"OperatingSystem", JSON_TEXT, JSON_AT(system), .flags = JSON_ALWAYS},
    {"OSType", JSON_TEXT, JSON_AT(os), .flags = JSON_ALWAYS},
    {"Architecture", JSON_TEXT, JSON_AT(architecture), .flags = JSON_ALWAYS},
    {"NCPU", JSON_INT, JSON_AT(cpus)},
    {"MemTotal", JSON_INT, JSON_AT(memory)},
    {"DockerRootDir", JSON_TEXT, JSON_AT(root), .flags = JSON_ALWAYS},
    {"TareStateDir", JSON_TEXT, JSON_AT(state), .flags = JSON_ALWAYS},
    {"Name", JSON_TEXT, JSON_AT(name), .flags = JSON_ALWAYS},
    {"ServerVersion", JSON_TEXT, JSON_AT(version), .flags = JSON_ALWAYS},
    {"DefaultRuntime", JSON_TEXT, JSON_AT(runtime), .flags = JSON_ALWAYS},
    {"Runtimes", JSON_TEXTS, JSON_AT(runtimes), .flags = JSON_ALWAYS},
    {"SecurityOptions", JSON_TEXTS, JSON_AT(security), .flags = JSON_ALWAYS},
    {"RegistryConfig", JSON_OBJECT, JSON_AT(registries), .type = &registries_type},
    {"LiveRestoreEnabled", JSON_BOOL, JSON_AT(live_restore)},
    {"Warnings", JSON_TEXTS, JSON_AT(warnings), .flags = JSON_NULL},
    {},
};
static const JsonType info_type = {sizeof(T), info_fields};
#undef T

const char *about_architecture(const char *machine) {
    return text_equal(machine, "x86_64")    ? "amd64"
           : text_equal(machine, "aarch64") ? "arm64"
                                            : machine;
}

char *about_version(const Tare__V1__VersionResponse *server) {
    struct utsname machine = {};
    uname(&machine);
    Program ours = {.version = TARE_VERSION,
        .commit = TARE_COMMIT,
        .os = "linux",
        .architecture = about_architecture(machine.machine)};
    Version version = {.client = &ours};
    Program theirs;
    if (server) {
        theirs = (Program){server->version, server->commit, server->os, server->arch,
            server->kernel, server->build_time};
        version.server = &theirs;
    }
    return json_encode(&version_type, &version, 0);
}

char *about_info(const Tare__V1__InfoResponse *info) {
    Registries registries = {.mirrors = {info->n_mirrors, info->mirrors},
        .insecure = {info->n_insecure_registries, info->insecure_registries}};
    const Info document = {
        .id = info->id,
        .containers = {true, info->containers},
        .running = {true, info->containers_running},
        .paused = {true, info->containers_paused},
        .stopped = {true, info->containers_stopped},
        .images = {true, info->images},
        .driver = info->snapshot_driver,
        .logging = info->logging_driver,
        .cgroup_driver = info->cgroup_driver,
        .cgroup_version = info->cgroup_version,
        .kernel = info->kernel,
        .system = info->operating_system,
        .os = info->os,
        .architecture = info->arch,
        .cpus = {true, info->cpus},
        .memory = {true, info->memory},
        .root = info->root,
        .state = info->state,
        .name = info->hostname,
        .version = info->version,
        .runtime = info->default_runtime,
        .runtimes = {info->n_runtimes, info->runtimes},
        .security = {info->n_security_options, info->security_options},
        .registries = &registries,
        .live_restore = {true, true},
        .warnings = {info->n_warnings, info->warnings},
    };
    return json_encode(&info_type, &document, 0);
}
