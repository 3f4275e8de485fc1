// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/text.h"
#include "runtime/cgroup/create.h"
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

/* The initial user namespace maps every id to itself (user_namespaces(7)). */
static bool in_user_namespace(void) {
    autodone(Text) map = {};
    Error ignored;
    unsigned long inside, outside, n;
    return file_read(AT_FDCWD, "/proc/self/uid_map", 65536, &map, &ignored) >= 0 &&
           sscanf(map.data, " %lu %lu %lu", &inside, &outside, &n) == 3 &&
           (inside || outside || n != UINT32_MAX);
}

bool cgroup_is_rootless(void) {
    return geteuid() != 0 || in_user_namespace();
}

/* What others put into the directory would share our limits, and die with our container. */
static int check_unused(const Cgroup *cgroup, Error *err) {
    JsonUints pids = {};
    int r = cgroup_members(cgroup, &pids, err);
    free(pids.item);
    TRY(r);
    if (pids.n)
        return error_set(
            err, ERROR_STATE, "container's cgroup is not empty: %zu process(es) found", pids.n);
    if (cgroup_is_frozen(cgroup))
        return error_set(err, ERROR_STATE, "container's cgroup unexpectedly frozen");
    return 0;
}

int cgroup_plan(Cgroup *cgroup, const CgroupRequest *request, Error *err) {
    autodone(Hierarchies) found = {};
    *cgroup = (Cgroup){.rootless = request->rootless,
        .optional = request->rootless && text_is_empty(request->path)};
    TRY(hierarchies_find(&found, err));
    cgroup->v2 = found.n == 1 && !*found.item[0].controllers;
    for (size_t i = 0; i < found.n; i++) {
        Hierarchy *h = &found.item[i];
        /* a process may not live beside controllers of a v2 cgroup ("no internal processes"), so a
         * relative path goes beside ours, not below it */
        autofree char *inside =
            cgroup_path_inside(request->path, request->id, h->own, h->root, cgroup->v2);
        if (strcmp(inside, "/") == 0)
            return error_set(err, ERROR_INVALID, "linux.cgroupsPath: expected more than \"/\"");
        add(cgroup, h->controllers, text_copy(h->mount), path_join(h->mount, inside));
    }
    return check_unused(cgroup, err);
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

static bool is_permission(const Error *err) {
    return err->sys == EACCES || err->sys == EPERM || err->sys == EROFS;
}

static int make(
    const Cgroup *cgroup, CgroupDirectory *directory, const OciResources *resources, Error *err) {
    int r = cgroup_create(directory, resources, err);
    if (r >= 0)
        r = open_join(directory, err);
    if (r >= 0 || (cgroup->optional && is_permission(err)))
        return 0; /* limits that miss it will say so */
    return error_prefix(err, "unable to apply cgroup configuration");
}

static const OciResources no_resources;

int cgroup_set_up(Cgroup *cgroup, const OciResources *resources, Error *err) {
    for (size_t i = 0; i < cgroup->n; i++)
        TRY(make(cgroup, &cgroup->item[i], resources, err));
    return limits_write_all(cgroup, resources ? resources : &no_resources, err);
}

int cgroup_update(Cgroup *cgroup, const OciResources *resources, Error *err) {
    for (size_t i = 0; i < cgroup->n; i++)
        if (cgroup->item[i].fd < 0)
            TRY(file_open(AT_FDCWD, cgroup->item[i].path, O_RDONLY | O_DIRECTORY, 0,
                &cgroup->item[i].fd, err));
    return limits_rewrite(cgroup, resources, err);
}

int cgroup_delegate(const Cgroup *cgroup, unsigned uid, Error *err) {
    const CgroupDirectory *unified = cgroup->v2 ? cgroup_find(cgroup, "") : NULL;
    return unified && unified->fd >= 0 ? cgroup_give(unified, uid, err) : 0;
}

void cgroup_drop_unmade(Cgroup *cgroup) {
    size_t kept = 0;
    for (size_t i = 0; i < cgroup->n; i++) {
        CgroupDirectory *directory = &cgroup->item[i];
        if (directory->fd >= 0) {
            cgroup->item[kept++] = *directory;
            continue;
        }
        free(directory->controllers);
        free(directory->mount);
        free(directory->path);
    }
    cgroup->n = kept;
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

void cgroup_close(Cgroup *cgroup) {
    for (size_t i = 0; i < cgroup->n; i++) {
        if (cgroup->item[i].fd >= 0)
            close(take_fd(&cgroup->item[i].fd));
        if (cgroup->item[i].tasks_fd >= 0)
            close(take_fd(&cgroup->item[i].tasks_fd));
    }
}

int cgroup_add(const Cgroup *cgroup, int pid, Error *err) {
    autofree char *number = text_format("%d", pid);
    for (size_t i = 0; i < cgroup->n; i++)
        if (cgroup->item[i].fd >= 0)
            TRY(file_write_kernel(cgroup->item[i].fd, "cgroup.procs", number, err));
    return 0;
}

void cgroup_done(Cgroup *cgroup) {
    cgroup_close(cgroup);
    for (size_t i = 0; i < cgroup->n; i++) {
        free(cgroup->item[i].controllers);
        free(cgroup->item[i].mount);
        free(cgroup->item[i].path);
    }
    free(cgroup->item);
    *cgroup = (Cgroup){};
}
