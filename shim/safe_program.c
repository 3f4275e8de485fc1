// SPDX-License-Identifier: Apache-2.0
#include "shim/safe_program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/text.h"

extern char **environ;

/* One for all containers of the shim. */
static struct {
    struct stat status;
    int fd;
} held = {.fd = -1};

static bool is_ours(const char *program) {
    return strcmp(path_name(program), "tare-runtime") == 0;
}

static bool is_held(const struct stat *status) {
    const struct stat *known = &held.status;
    return held.fd >= 0 && status->st_dev == known->st_dev && status->st_ino == known->st_ino;
}

/* A new version of the program is run from when it is there. A script cannot be run by a descriptor
 * that ends with execve(2). */
static int hold(const char *program) {
    char magic[4] = "";
    struct stat status;
    if (!is_ours(program) || stat(program, &status) < 0)
        return -1;
    if (is_held(&status))
        return held.fd;
    autoclose int fd = program_open_readonly(program);
    if (fd < 0 || pread(fd, magic, sizeof magic, 0) != sizeof magic ||
        memcmp(magic, "\177ELF", sizeof magic) != 0 || fstat(fd, &status) < 0)
        return -1;
    if (held.fd >= 0)
        close(held.fd);
    held.status = status;
    held.fd = take_fd(&fd);
    return held.fd;
}

/* Ours, and where the program is: it cannot tell by itself. */
static const char **environment_of(const char *program, char **ret_variable) {
    size_t n = 0;
    while (environ[n])
        n++;
    const char **list = new_array(const char *, n + 2);
    memcpy(list, environ, n * sizeof *list);
    list[n] = *ret_variable = text_format("%s=%s", PROCESS_ORIGINAL_ENVIRONMENT, program);
    return list;
}

int safe_program_spawn(const ProcessSpawn *spawn, pid_t *ret_pid, Error *err) {
    int fd = hold(spawn->argv[0]);
    if (fd < 0)
        return process_spawn(spawn, ret_pid, err);
    char path[64];
    autofree char *variable = NULL;
    autofree const char **list = environment_of(spawn->argv[0], &variable);
    ProcessSpawn safe = *spawn;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    safe.path = path;
    safe.environ = list;
    Error ignored;
    return process_spawn(&safe, ret_pid, &ignored) < 0 ? process_spawn(spawn, ret_pid, err) : 0;
}
