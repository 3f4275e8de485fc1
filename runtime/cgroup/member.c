// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/cgroup/subgroup.h"
#include "runtime/cgroup/systemd_client.h"

/* The processes inside a cgroup, and its end. Everything here works on directories by path: the
 * paths are our own, from the state file. */

enum {
    PROCS_MAX = 16 << 20,
    REMOVE_TRIES = 100
};

typedef int Visit(int directory, void *argument, Error *err);

/* Calls visit for each directory of the tree, children first; absence is success. */
static int walk(int parent, const char *path, Visit *visit, void *argument, Error *err) {
    int fd = openat(parent, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return 0;
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);
    if (!stream)
        return error_set_errno(err, errno, "cannot open cgroup '%s'", path);
    int r = 0;
    for (struct dirent *entry; r >= 0 && (entry = readdir(stream));)
        if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
            r = walk(fd, entry->d_name, visit, argument, err);
    if (r >= 0)
        r = visit(fd, argument, err);
    closedir(stream);
    return r;
}

/* The hierarchy to look for members in: all hold the same processes unless one has moved itself. */
static const CgroupDirectory *main_directory(const Cgroup *cgroup) {
    static const char *const order[] = {"", "freezer", "pids", "devices", "name=systemd", NULL};
    for (size_t i = 0; order[i]; i++) {
        const CgroupDirectory *directory = cgroup_find(cgroup, order[i]);
        if (directory && access(directory->path, F_OK) == 0)
            return directory;
    }
    return cgroup->n ? &cgroup->item[0] : NULL;
}

/* A threaded cgroup (v2) has no list of processes, but its threads' ids serve kill(2) as well. */
static int read_members(int directory, Text *ret, Error *err) {
    int r = file_read(directory, "cgroup.procs", PROCS_MAX, ret, err);
    if (r < 0 && err->sys == EOPNOTSUPP)
        r = file_read(directory, "cgroup.threads", PROCS_MAX, ret, err);
    return r;
}

static int add_members(int directory, void *argument, Error *err) {
    JsonUints *pids = argument;
    autodone(Text) procs = {};
    int r = read_members(directory, &procs, err);
    if (r < 0)
        return r == ERROR_NOT_FOUND || err->sys == ENODEV ? 0 : r;
    for (char *line = procs.data, *end; *line; line = end + strspn(end, "\n")) {
        unsigned long pid = strtoul(line, &end, 10);
        if (end == line)
            break;
        if (pid) /* 0: of a pid namespace that we do not see */
            array_append(pids->item, pids->n, pid);
    }
    return 0;
}

int cgroup_members(const Cgroup *cgroup, JsonUints *ret, Error *err) {
    const CgroupDirectory *directory = main_directory(cgroup);
    return directory ? walk(AT_FDCWD, directory->path, add_members, ret, err) : 0;
}

int cgroup_kill(const Cgroup *cgroup, int number, Error *err) {
    const CgroupDirectory *unified = cgroup_find(cgroup, "");
    autofree char *file = unified ? text_format("%s/cgroup.kill", unified->path) : NULL;
    if (number == SIGKILL && file && file_write_kernel(AT_FDCWD, file, "1", err) >= 0)
        return 0;
    JsonUints pids = {};
    int r = cgroup_members(cgroup, &pids, err);
    for (size_t i = 0; i < pids.n; i++)
        if (pids.item[i] > 1)
            kill((pid_t)pids.item[i], number);
    free(pids.item);
    return r;
}

bool cgroup_is_empty(const Cgroup *cgroup) {
    JsonUints pids = {};
    Error ignored;
    int r = cgroup_members(cgroup, &pids, &ignored);
    free(pids.item);
    return r < 0 || !pids.n;
}

static int remove_directory(const char *path, Error *err);

static int remove_children(const char *path, Error *err) {
    DIR *stream = opendir(path);
    if (!stream)
        return errno == ENOENT ? 0 : error_set_errno(err, errno, "cannot open cgroup '%s'", path);
    int r = 0;
    for (struct dirent *entry; r >= 0 && (entry = readdir(stream));) {
        if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
            continue;
        autofree char *child = text_format("%s/%s", path, entry->d_name);
        r = remove_directory(child, err);
    }
    closedir(stream);
    return r;
}

/* EBUSY lasts for a moment after the last process was reaped. */
static int remove_directory(const char *path, Error *err) {
    for (int i = 0;; i++) {
        if (rmdir(path) == 0 || errno == ENOENT)
            return 0;
        if (errno != EBUSY && errno != ENOTEMPTY)
            return error_set_errno(err, errno, "cannot remove cgroup '%s'", path);
        if (i == REMOVE_TRIES)
            return error_set_errno(err, EBUSY, "cannot remove cgroup '%s'", path);
        if (i == 0)
            TRY(remove_children(path, err));
        else
            time_sleep((i < 10 ? 1 : 10) * TIME_MILLISECOND);
    }
}

static bool exists(const Cgroup *cgroup) {
    bool found = false;
    for (size_t i = 0; !found && i < cgroup->n; i++) {
        autofree char *path = subgroup_top(cgroup, &cgroup->item[i]);
        found = access(path, F_OK) == 0;
    }
    return found;
}

static int remove_directories(const Cgroup *cgroup, Error *err) {
    int result = 0;
    for (size_t i = 0; i < cgroup->n; i++) {
        Error one;
        autofree char *path = subgroup_top(cgroup, &cgroup->item[i]);
        if (remove_directory(path, &one) >= 0)
            continue;
        if (cgroup->unit && one.sys == EROFS) /* not ours to write, but systemd's */
            continue;
        if (result >= 0)
            *err = one, result = one.code;
    }
    return result;
}

/* Whether the unit may still be loaded though systemd_stop() failed: then only systemd may remove
 * the directory, for nothing tells it of an empty cgroup that is gone, and the unit would stay for
 * ever, with its name. Where systemd runs no more, the directory is all there is. */
static bool is_still_systemds(const Cgroup *cgroup, int stopped) {
    Error ignored;
    return stopped < 0 && stopped != ERROR_NOT_FOUND && exists(cgroup) &&
           systemd_check(&ignored) >= 0;
}

/* A directory without a unit is one that systemd makes just now, for a runtime that was killed
 * while it asked. */
int cgroup_remove(const Cgroup *cgroup, Error *err) {
    Error ignored;
    int stopped = cgroup->unit ? systemd_stop(cgroup, err) : 0;
    if (is_still_systemds(cgroup, stopped))
        return stopped;
    bool early = stopped == ERROR_NOT_FOUND && exists(cgroup);
    int r = remove_directories(cgroup, err);
    if (early)
        (void)systemd_stop(cgroup, &ignored);
    return r;
}
