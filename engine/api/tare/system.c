// SPDX-License-Identifier: Apache-2.0
#include "engine/api/tare/system.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <sys/vfs.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/process.h"
#include "base/text.h"
#include "base/time.h"
#include "engine/api/tare/services.h"
#include "version.h"

RPC_SERVICE(system_service, SYSTEM_METHODS, tare__v1__system__descriptor);

/* Go's names of architectures, as every image has them. */
static const char *architecture(const char *machine) {
    static const struct {
        const char *machine, *name;
    } rows[] = {{"x86_64", "amd64"}, {"aarch64", "arm64"}, {"armv7l", "arm"}, {"i686", "386"},
        {"ppc64le", "ppc64le"}, {"s390x", "s390x"}, {"riscv64", "riscv64"}};
    for (size_t i = 0; i < array_size(rows); i++) {
        if (text_equal(rows[i].machine, machine))
            return rows[i].name;
    }
    return machine;
}

int api_system_version(RpcCall *call, const Tare__V1__VersionRequest *request,
    Tare__V1__VersionResponse *response, Error *err) {
    struct utsname name;
    uname(&name);
    response->version = TARE_VERSION;
    response->commit = TARE_COMMIT;
    response->os = "linux";
    response->arch = rpc_call_copy(call, architecture(name.machine));
    response->kernel = rpc_call_copy(call, name.release);
    response->build_time = __DATE__ " " __TIME__;
    response->runtime_version = TARE_VERSION;
    return 0;
}

static char *operating_system(RpcCall *call) {
    autodone(Text) text = {};
    Error ignored;
    if (file_read(AT_FDCWD, "/etc/os-release", 65536, &text, &ignored) < 0)
        return "Linux";
    char *line = strstr(text.data, "PRETTY_NAME=");
    if (!line)
        return "Linux";
    line += strlen("PRETTY_NAME=");
    line[strcspn(line, "\n")] = '\0';
    if (*line == '"') {
        line++;
        line[strcspn(line, "\"")] = '\0';
    }
    return rpc_call_copy(call, line);
}

static const char *cgroup_version(void) {
    struct statfs fs;
    return statfs("/sys/fs/cgroup", &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC ? "2" : "1";
}

static void count_containers(Containers *containers, Tare__V1__InfoResponse *response) {
    autodone(ContainerRecords) records = {};
    container_list(containers, &records);
    response->containers = (int64_t)records.n;
    for (size_t i = 0; i < records.n; i++) {
        bool running = records.item[i]->state->status == CONTAINER_RUNNING;
        response->containers_running += running;
        response->containers_stopped += !running;
    }
}

static void list_runtimes(RpcCall *call, const Config *config, Tare__V1__InfoResponse *response) {
    response->runtimes = rpc_call_alloc(call, (config->runtimes.n + 1) * sizeof(char *));
    response->runtimes[response->n_runtimes++] = "tare";
    for (size_t i = 0; i < config->runtimes.n; i++)
        response->runtimes[response->n_runtimes++] = config->runtimes.key[i];
}

int api_system_info(RpcCall *call, const Tare__V1__InfoRequest *request,
    Tare__V1__InfoResponse *response, Error *err) {
    const TareServices *services = rpc_call_user(call);
    const Config *config = services->config;
    struct utsname name;
    struct sysinfo system;
    uname(&name);
    sysinfo(&system);
    static char *security_options[] = {"name=seccomp,profile=builtin"};
    autodone(ImageList) images = {};
    count_containers(services->containers, response);
    TRY(image_list(services->images, &(ImageFilter){}, &images, err));
    response->images = (int64_t)images.n;
    list_runtimes(call, config, response);
    response->security_options = security_options;
    response->n_security_options = array_size(security_options);
    response->version = TARE_VERSION;
    response->snapshot_driver = (char *)(uintptr_t)snapshots_driver(services->snapshots);
    response->logging_driver = "json-file";
    response->cgroup_driver = "cgroupfs";
    response->cgroup_version = (char *)(uintptr_t)cgroup_version();
    response->kernel = rpc_call_copy(call, name.release);
    response->operating_system = operating_system(call);
    response->os = "linux";
    response->arch = rpc_call_copy(call, name.machine);
    response->cpus = get_nprocs();
    response->memory = (int64_t)system.totalram * system.mem_unit;
    response->hostname = rpc_call_copy(call, name.nodename);
    response->id = rpc_call_copy(call, services->id);
    response->root = config->root;
    response->state = config->state;
    response->insecure_registries = config->registry.insecure.item;
    response->n_insecure_registries = config->registry.insecure.n;
    response->mirrors = config->registry.mirrors.item;
    response->n_mirrors = config->registry.mirrors.n;
    response->default_runtime = rpc_call_copy(call, config_runtime_name(config, ""));
    return 0;
}
