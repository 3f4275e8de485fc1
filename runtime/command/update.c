// SPDX-License-Identifier: Apache-2.0
#include "runtime/container/update.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "runtime/cgroup/systemd_unit.h"
#include "runtime/command/bundle.h"

/* Every value is a text, as with the reference runtime, where an empty one means "not given". */
typedef struct UpdateOptions {
    const char *resources, *blkio_weight, *cpu_period, *cpu_quota, *cpu_burst, *cpu_share,
        *cpu_rt_period, *cpu_rt_runtime, *cpuset_cpus, *cpuset_mems, *cpu_idle, *memory,
        *memory_reservation, *memory_swap, *kernel_memory, *kernel_memory_tcp, *pids_limit,
        *l3_cache_schema, *mem_bw_schema;
} UpdateOptions;

#define T UpdateOptions
static const Option options[] = {
    {'r', "resources", OPTION_TEXT, offsetof(T, resources), "file",
        "read the limits from a JSON file (linux.resources), or - for standard input; other "
        "options are ignored then"},
    {0, "blkio-weight", OPTION_TEXT, offsetof(T, blkio_weight), "number",
        "share of block I/O, 10 to 1000"},
    {0, "cpu-period", OPTION_TEXT, offsetof(T, cpu_period), "µs", "length of a CPU period"},
    {0, "cpu-quota", OPTION_TEXT, offsetof(T, cpu_quota), "µs", "CPU time in a period; -1: all"},
    {0, "cpu-burst", OPTION_TEXT, offsetof(T, cpu_burst), "µs",
        "unused CPU time that may be used later"},
    {0, "cpu-share", OPTION_TEXT, offsetof(T, cpu_share), "number", "share of CPU time"},
    {0, "cpu-rt-period", OPTION_TEXT, offsetof(T, cpu_rt_period), "µs",
        "length of a real-time period"},
    {0, "cpu-rt-runtime", OPTION_TEXT, offsetof(T, cpu_rt_runtime), "µs",
        "real-time CPU time in a period"},
    {0, "cpuset-cpus", OPTION_TEXT, offsetof(T, cpuset_cpus), "list", "CPUs to use: 0-2,5"},
    {0, "cpuset-mems", OPTION_TEXT, offsetof(T, cpuset_mems), "list", "memory nodes to use"},
    {0, "cpu-idle", OPTION_TEXT, offsetof(T, cpu_idle), "0|1", "1: run only when nobody else does"},
    {0, "memory", OPTION_TEXT, offsetof(T, memory), "bytes", "limit of memory; -1: none"},
    {0, "memory-reservation", OPTION_TEXT, offsetof(T, memory_reservation), "bytes",
        "memory that is protected, or the soft limit"},
    {0, "memory-swap", OPTION_TEXT, offsetof(T, memory_swap), "bytes",
        "limit of memory and swap together; -1: none"},
    {0, "pids-limit", OPTION_TEXT, offsetof(T, pids_limit), "number",
        "limit of processes and threads; -1: none"},
    {0, "kernel-memory", OPTION_TEXT, offsetof(T, kernel_memory), "bytes", NULL},
    {0, "kernel-memory-tcp", OPTION_TEXT, offsetof(T, kernel_memory_tcp), "bytes", NULL},
    {0, "l3-cache-schema", OPTION_TEXT, offsetof(T, l3_cache_schema), "schema",
        "Intel RDT schema of the L3 cache"},
    {0, "mem-bw-schema", OPTION_TEXT, offsetof(T, mem_bw_schema), "schema",
        "Intel RDT schema of memory bandwidth"},
    {},
};
#undef T

enum {
    RESOURCES_MAX = 1 << 20
};

/* What an option is called, where its text is, and the value that it becomes. */
typedef enum ValueKind {
    VALUE_INT,
    VALUE_UINT,
    VALUE_SIZE, /* "64M", or -1 */
} ValueKind;

typedef struct Value {
    const char *name, *text;
    ValueKind kind;
    void *ret; /* JsonInt, JsonUint, JsonInt */
} Value;

static int parse_size(const char *text, JsonInt *ret, Error *err) {
    uint64_t size;
    ret->set = true;
    if (strcmp(text, "-1") == 0)
        return ret->value = -1, 0;
    TRY(text_parse_size(text, "size", &size, err));
    ret->value = (int64_t)size;
    return 0;
}

static int parse_value(const Value *value, Error *err) {
    JsonInt *number = value->ret;
    JsonUint *natural = value->ret;
    switch (value->kind) {
    case VALUE_INT:
        number->set = true;
        return text_parse_int(value->text, "number", &number->value, err);
    case VALUE_UINT:
        natural->set = true;
        return text_parse_uint(value->text, "number", &natural->value, err);
    case VALUE_SIZE:
        return parse_size(value->text, number, err);
    }
    return 0;
}

static int read_options(const UpdateOptions *parsed, OciResources *ret, Error *err) {
    OciCpu *cpu = ret->cpu = new (OciCpu);
    OciMemory *memory = ret->memory = new (OciMemory);
    OciBlockIo *io = ret->block_io = new (OciBlockIo);
    OciPids *pids = ret->pids = new (OciPids);
    const Value values[] = {
        {"blkio-weight", parsed->blkio_weight, VALUE_UINT, &io->weight},
        {"cpu-idle", parsed->cpu_idle, VALUE_INT, &cpu->idle},
        {"cpu-burst", parsed->cpu_burst, VALUE_UINT, &cpu->burst},
        {"cpu-period", parsed->cpu_period, VALUE_UINT, &cpu->period},
        {"cpu-rt-period", parsed->cpu_rt_period, VALUE_UINT, &cpu->realtime_period},
        {"cpu-share", parsed->cpu_share, VALUE_UINT, &cpu->shares},
        {"cpu-quota", parsed->cpu_quota, VALUE_INT, &cpu->quota},
        {"cpu-rt-runtime", parsed->cpu_rt_runtime, VALUE_INT, &cpu->realtime_runtime},
        {"memory", parsed->memory, VALUE_SIZE, &memory->limit},
        {"memory-swap", parsed->memory_swap, VALUE_SIZE, &memory->swap},
        {"memory-reservation", parsed->memory_reservation, VALUE_SIZE, &memory->reservation},
        {"kernel-memory", parsed->kernel_memory, VALUE_SIZE, &memory->kernel},
        {"kernel-memory-tcp", parsed->kernel_memory_tcp, VALUE_SIZE, &memory->kernel_tcp},
        {"pids-limit", parsed->pids_limit, VALUE_INT, &pids->limit},
    };
    for (size_t i = 0; i < array_size(values); i++)
        if (!text_is_empty(values[i].text) && parse_value(&values[i], err) < 0)
            return error_prefix(err, "invalid value for %s", values[i].name);
    cpu->cpus = text_copy(parsed->cpuset_cpus);
    cpu->mems = text_copy(parsed->cpuset_mems);
    return 0;
}

static int read_file(const char *name, OciResources *ret, Error *err) {
    autodone(Text) text = {};
    if (strcmp(name, "-") == 0)
        TRY(fd_read_all(STDIN_FILENO, RESOURCES_MAX, &text, err));
    else
        TRY(file_read(AT_FDCWD, name, RESOURCES_MAX, &text, err));
    if (json_decode(&oci_resources_type, text.data, text.length, ret, err) < 0)
        return error_prefix(err, "%s", name);
    return 0;
}

static int update(Container *container, const OciResources *change, Error *err) {
    bundle_warn_memory(change->memory);
    if (container->record.systemd_unit && systemd_ignores_weight(change))
        log_warning("unable to apply both CPUWeight and CpuIdle to systemd, ignoring CPUWeight");
    return container_update(container, change, err);
}

static int change_limits(const Subject *subject, Error *err) {
    const UpdateOptions *parsed = subject->options;
    OciResources change = {};
    TRY(container_update_schemata(
        subject->container, parsed->l3_cache_schema, parsed->mem_bw_schema, err));
    int r = parsed->resources ? read_file(parsed->resources, &change, err)
                              : read_options(parsed, &change, err);
    r = r < 0 ? r : update(subject->container, &change, err);
    json_done(&oci_resources_type, &change);
    return r;
}

const Command command_update = {"update", "ID", "change the limits of a container that lives", NULL,
    options, change_limits, sizeof(UpdateOptions)};
