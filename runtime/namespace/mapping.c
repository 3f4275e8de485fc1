// SPDX-License-Identifier: Apache-2.0
#include "runtime/namespace/mapping.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/process.h"
#include "base/time.h"

#define TOOL_TIMEOUT (30 * TIME_SECOND)

enum {
    TOOL_OUTPUT_MAX = 4096
};

typedef struct MapKind {
    const char *file, *field, *tool;
} MapKind;

static const MapKind uid_kind = {"uid_map", "linux.uidMappings", "newuidmap"};
static const MapKind gid_kind = {"gid_map", "linux.gidMappings", "newgidmap"};

static char *format(const JsonObjects *mappings) {
    const OciIdMapping *mapping = mappings->item;
    autodone(Text) lines = {};
    for (size_t i = 0; i < mappings->n; i++)
        text_append_format(&lines, "%llu %llu %llu\n",
            (unsigned long long)mapping[i].container_id.value,
            (unsigned long long)mapping[i].host_id.value,
            (unsigned long long)mapping[i].size.value);
    return text_take(&lines);
}

uint64_t mapping_host_id(const JsonObjects *mappings, uint64_t id) {
    const OciIdMapping *map = mappings->item;
    for (size_t i = 0; i < mappings->n; i++)
        if (id >= map[i].container_id.value && id - map[i].container_id.value < map[i].size.value)
            return id - map[i].container_id.value + map[i].host_id.value;
    return id;
}

/* "newuidmap PID INSIDE OUTSIDE COUNT …": a set-user-ID program, so it gets an empty environment.
 */
static int run_tool(const MapKind *kind, pid_t pid, const char *lines, Error *err) {
    static const char *const nothing[] = {NULL};
    autofree char *program = NULL, *words = text_format("%d %s", pid, lines);
    autodone(Text) output = {};
    TRY(process_find_program(kind->tool, &program, err));
    for (char *c = words; *c; c++)
        *c = *c == '\n' ? ' ' : *c;
    words[strlen(words) - 1] = '\0';
    autofree char *command = text_format("%s %s", program, words);
    autotexts char **argv = texts_split(command, ' ');
    ProcessSpawn spawn = {.argv = (const char *const *)argv,
        .environ = nothing,
        .fds = {-1, -1, STDERR_FILENO},
        .path = program};
    int status = 0;
    TRY(process_run(&spawn, TOOL_OUTPUT_MAX, TOOL_TIMEOUT, &output, &status, err));
    if (status != 0)
        return error_set(err, ERROR_DENIED, "%s refused it (%s %d)", kind->tool,
            WIFSIGNALED(status) ? "signal" : "exit status",
            WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    return 0;
}

/* The one mapping that needs no privileges: our own id. */
static bool is_own_id(const JsonObjects *mappings, uint64_t id) {
    const OciIdMapping *mapping = mappings->item;
    return mappings->n == 1 && mapping->size.value == 1 && mapping->host_id.value == id;
}

static int write_proc(pid_t pid, const char *file, const char *value, Error *err) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
    return file_write_kernel(AT_FDCWD, path, value, err);
}

static int write_map(const MapKind *kind, const JsonObjects *mappings, pid_t pid, Error *err) {
    autofree char *lines = format(mappings);
    int r = write_proc(pid, kind->file, lines, err);
    if (r < 0 && err->sys == EPERM && mappings->n)
        r = run_tool(kind, pid, lines, err);
    return r < 0 ? error_prefix(err, "%s", kind->field) : r;
}

/* Without CAP_SETGID nobody may drop groups in the new namespace: that could gain access. */
static int write_own_gid(const JsonObjects *mappings, pid_t pid, Error *err) {
    autofree char *lines = format(mappings);
    if (write_proc(pid, gid_kind.file, lines, err) >= 0)
        return 0;
    TRY(write_proc(pid, "setgroups", "deny", err));
    return write_proc(pid, gid_kind.file, lines, err);
}

int mappings_write(const OciLinux *linux, pid_t pid, Error *err) {
    TRY(write_map(&uid_kind, &linux->uid_mappings, pid, err));
    if (is_own_id(&linux->gid_mappings, getegid()))
        return write_own_gid(&linux->gid_mappings, pid, err);
    return write_map(&gid_kind, &linux->gid_mappings, pid, err);
}
