// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/text.h"
#include "runtime/cgroup/hierarchy.h"
#include "runtime/cgroup/limits.h"

static void add(Cgroup *cgroup, const char *controllers, char *mount, char *path) {
    CgroupDirectory directory = {.controllers = text_copy(controllers),
        .mount = mount,
        .path = path,
        .fd = -1,
        .tasks_fd = -1};
    array_append(cgroup->item, cgroup->n, directory);
}

/* What of `own` is visible below a mount whose root is `root`. */
static const char *visible(const char *own, const char *root) {
    size_t n = strlen(root);
    if (n > 1 && strncmp(own, root, n) == 0 && (own[n] == '/' || own[n] == '\0'))
        return own[n] ? own + n : "/";
    return n > 1 ? "/" : own;
}

char *cgroup_path_inside(
    const char *cgroups_path, const char *id, const char *own, const char *root, bool beside_own) {
    const char *wanted = text_is_empty(cgroups_path) ? id : cgroups_path;
    autofree char *rooted = path_join("/", wanted);
    autofree char *clean = path_clean(rooted); /* "/.." is "/": no way out of the hierarchy */
    if (path_is_absolute(wanted))
        return take_ptr(&clean);
    autofree char *base = path_clean(visible(own, root));
    autofree char *parent = beside_own ? path_parent(base) : text_copy(base);
    autofree char *joined = path_join(parent, clean);
    return path_clean(joined);
}

int cgroup_plan(Cgroup *cgroup, const char *cgroups_path, const char *id, Error *err) {
    autodone(Hierarchies) found = {};
    *cgroup = (Cgroup){};
    TRY(hierarchies_find(&found, err));
    cgroup->v2 = found.n == 1 && !*found.item[0].controllers;
    for (size_t i = 0; i < found.n; i++) {
        Hierarchy *h = &found.item[i];
        /* a process may not live beside controllers of a v2 cgroup ("no internal processes"), so a
         * relative path goes beside ours, not below it */
        autofree char *inside = cgroup_path_inside(cgroups_path, id, h->own, h->root, cgroup->v2);
        if (strcmp(inside, "/") == 0)
            return error_set(err, ERROR_INVALID, "linux.cgroupsPath: expected more than \"/\"");
        add(cgroup, h->controllers, text_copy(h->mount), path_join(h->mount, inside));
    }
    return 0;
}

void cgroup_load(Cgroup *cgroup, const JsonMap *paths) {
    *cgroup = (Cgroup){};
    for (size_t i = 0; i < paths->n; i++)
        add(cgroup, paths->key[i], NULL, text_copy(paths->value[i]));
    cgroup->v2 = cgroup->n == 1 && !*cgroup->item[0].controllers;
}

void cgroup_save(const Cgroup *cgroup, JsonMap *ret_paths) {
    for (size_t i = 0; i < cgroup->n; i++)
        json_map_set(ret_paths, cgroup->item[i].controllers, cgroup->item[i].path);
}

const CgroupDirectory *cgroup_find(const Cgroup *cgroup, const char *controller) {
    for (size_t i = 0; i < cgroup->n; i++)
        if (hierarchy_has(cgroup->item[i].controllers, controller))
            return &cgroup->item[i];
    return NULL;
}

static int open_join(CgroupDirectory *directory, Error *err) {
    if (directory->fd < 0)
        TRY(file_open(AT_FDCWD, directory->path, O_RDONLY | O_DIRECTORY, 0, &directory->fd, err));
    if (!*directory->controllers)
        return 0;
    /* "tasks", not "cgroup.procs": a single thread that moves itself takes no lock over all threads
     * of the machine (cgroup_attach_lock), which costs an RCU grace period */
    return file_open(directory->fd, "tasks", O_WRONLY, 0, &directory->tasks_fd, err);
}

int cgroup_open(Cgroup *cgroup, Error *err) {
    for (size_t i = 0; i < cgroup->n; i++)
        TRY(open_join(&cgroup->item[i], err));
    return 0;
}

/* Without root a hierarchy that is not ours is left alone; limits there will say so. */
static bool may_skip(const Error *err) {
    return geteuid() != 0 && (err->sys == EACCES || err->sys == EPERM || err->sys == EROFS);
}

static int make(const Cgroup *cgroup, CgroupDirectory *directory, Error *err) {
    const char *inside = directory->path + strlen(directory->mount);
    inside += strspn(inside, "/");
    if (cgroup->v2)
        TRY(limits_v2_make(directory->mount, inside, err));
    else if (hierarchy_has(directory->controllers, "cpuset"))
        TRY(limits_v1_make_cpuset(directory->mount, inside, err));
    else if (mkdir(directory->path, 0755) < 0 && errno != EEXIST)
        TRY(file_make_dirs(directory->path, 0755, err));
    return open_join(directory, err);
}

int cgroup_set_up(Cgroup *cgroup, const OciResources *resources, Error *err) {
    for (size_t i = 0; i < cgroup->n; i++) {
        int r = make(cgroup, &cgroup->item[i], err);
        if (r < 0 && !may_skip(err))
            return r;
    }
    if (!resources)
        return 0;
    return cgroup->v2 ? limits_v2_write(cgroup, resources, err)
                      : limits_v1_write(cgroup, resources, err);
}

int cgroup_unified_fd(const Cgroup *cgroup) {
    const CgroupDirectory *directory = cgroup_find(cgroup, "");
    return directory ? directory->fd : -1;
}

int cgroup_enter(const Cgroup *cgroup, Error *err) {
    for (size_t i = 0; i < cgroup->n; i++) {
        const CgroupDirectory *directory = &cgroup->item[i];
        if (directory->tasks_fd >= 0 && write(directory->tasks_fd, "0", 1) != 1)
            return error_set_errno(err, errno, "cannot enter cgroup '%s'", directory->path);
    }
    return 0;
}

int cgroup_add_unified(const Cgroup *cgroup, int pid, Error *err) {
    int fd = cgroup_unified_fd(cgroup);
    autofree char *number = text_format("%d", pid);
    return fd < 0 ? 0 : file_write_kernel(fd, "cgroup.procs", number, err);
}

void cgroup_done(Cgroup *cgroup) {
    for (size_t i = 0; i < cgroup->n; i++) {
        free(cgroup->item[i].controllers);
        free(cgroup->item[i].mount);
        free(cgroup->item[i].path);
        if (cgroup->item[i].fd >= 0)
            close(cgroup->item[i].fd);
        if (cgroup->item[i].tasks_fd >= 0)
            close(cgroup->item[i].tasks_fd);
    }
    free(cgroup->item);
    *cgroup = (Cgroup){};
}
