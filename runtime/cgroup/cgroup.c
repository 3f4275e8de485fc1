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
#include "runtime/cgroup/enter.h"
#include "runtime/cgroup/hierarchy.h"
#include "runtime/cgroup/limits.h"
#include "runtime/cgroup/subgroup.h"
#include "runtime/cgroup/systemd_client.h"
#include "runtime/cgroup/systemd_unit.h"

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

/* Where systemd will put the unit, below each hierarchy's root. */
static int plan_unit(Cgroup *cgroup, const CgroupRequest *request, char **ret_path, Error *err) {
    SystemdUnit unit;
    autofree char *slice = NULL, *manager = NULL;
    const char *subgroup;
    TRY(subgroup_of_unit(request->annotations, &subgroup, err));
    TRY(systemd_check(err));
    cgroup->user = request->rootless;
    if (cgroup->user && !cgroup->v2)
        return error_set(
            err, ERROR_UNSUPPORTED, "cannot use rootless systemd cgroups manager on cgroup v1");
    TRY(systemd_unit_parse(request->path, request->id, cgroup->user, &unit, err));
    cgroup->unit = unit.name;
    cgroup->slice = unit.slice;
    cgroup->annotations = request->annotations;
    TRY(systemd_slice_path(unit.slice, &slice, err));
    if (cgroup->user)
        TRY(systemd_manager_group(&manager, err));
    autofree char *path = text_format(
        "%s/%s/%s/%s", manager ? manager : "", slice, unit.name, subgroup ? subgroup : "");
    *ret_path = path_clean(path);
    return 0;
}

int cgroup_locate(Cgroup *cgroup, const CgroupRequest *request, Error *err) {
    autofree char *unit_path = NULL;
    *cgroup = (Cgroup){.rootless = request->rootless,
        .optional = request->rootless && text_is_empty(request->path)};
    Hierarchies *found = &cgroup->hierarchies;
    TRY(hierarchies_find(found, err));
    if (request->none)
        return 0;
    cgroup->v2 = found->n == 1 && !*found->item[0].controllers;
    if (request->systemd)
        TRY(plan_unit(cgroup, request, &unit_path, err));
    const char *wanted = unit_path ? unit_path : request->path;
    for (size_t i = 0; i < found->n; i++) {
        const Hierarchy *h = &found->item[i];
        /* a process may not live beside controllers of a v2 cgroup ("no internal processes"), so a
         * relative path goes beside ours, not below it */
        autofree char *inside =
            cgroup_path_inside(wanted, request->id, h->own, h->root, cgroup->v2);
        if (strcmp(inside, "/") == 0)
            return error_set(err, ERROR_INVALID, "linux.cgroupsPath: expected more than \"/\"");
        add(cgroup, h->controllers, text_copy(h->mount), path_join(h->mount, inside));
    }
    return 0;
}

int cgroup_plan(Cgroup *cgroup, const CgroupRequest *request, Error *err) {
    TRY(cgroup_locate(cgroup, request, err));
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

static bool is_permission(const Error *err) {
    return err->sys == EACCES || err->sys == EPERM || err->sys == EROFS;
}

static int make(
    const Cgroup *cgroup, CgroupDirectory *directory, const OciResources *resources, Error *err) {
    int r = cgroup_create(directory, resources, err);
    if (r >= 0)
        r = cgroup_open_one(directory, err);
    if (r >= 0 || (cgroup->optional && is_permission(err)))
        return 0; /* limits that miss it will say so */
    return error_prefix(err, "unable to apply cgroup configuration");
}

static const OciResources no_resources;

/* The limits as systemd rounds them, so that both say the same. */
typedef struct RoundedLimits {
    OciResources resources;
    OciCpu cpu;
} RoundedLimits;

static const OciResources *round_limits(
    const Cgroup *cgroup, const OciResources *resources, RoundedLimits *ret) {
    if (!cgroup->unit || !resources->cpu)
        return resources;
    *ret = (RoundedLimits){*resources, *resources->cpu};
    ret->resources.cpu = &ret->cpu;
    systemd_round_quota(&ret->cpu);
    return &ret->resources;
}

int cgroup_set_up(Cgroup *cgroup, const OciResources *wanted, Error *err) {
    RoundedLimits rounded;
    const OciResources *resources = wanted ? wanted : &no_resources;
    if (cgroup->unit) {
        TRY(systemd_start(cgroup, resources, err));
        TRY(subgroup_take_keeper(cgroup, err));
    }
    for (size_t i = 0; i < cgroup->n; i++)
        if (cgroup->item[i].fd < 0)
            TRY(make(cgroup, &cgroup->item[i], resources, err));
    return limits_write_all(cgroup, round_limits(cgroup, resources, &rounded), err);
}

bool cgroup_can_follow(const Cgroup *cgroup) {
    return cgroup->n > 1 && !cgroup->unit && !cgroup->optional;
}

int cgroup_set_up_unified(Cgroup *cgroup, const OciResources *wanted, Error *err) {
    const OciResources *resources = wanted ? wanted : &no_resources;
    for (size_t i = 0; i < cgroup->n; i++)
        if (!*cgroup->item[i].controllers)
            TRY(make(cgroup, &cgroup->item[i], resources, err));
    return 0;
}

void cgroup_release(Cgroup *cgroup) {
    systemd_release(cgroup);
}

/* With v1 systemd writes all device rules again, one after the other, and knows none that forbid:
 * nobody may run before ours are back. They cannot be written once the container has made cgroups
 * of its own (EINVAL), which keep what they were allowed. */
static int update_unit(const Cgroup *cgroup, const OciResources *resources, Error *err) {
    Error ignored;
    bool stop = !cgroup->v2 && !cgroup_is_frozen(cgroup);
    if (stop)
        TRY(cgroup_freeze(cgroup, true, err));
    int r = systemd_set(cgroup, resources, err);
    if (r >= 0 && !cgroup->v2)
        r = limits_write_devices(cgroup, resources, err);
    if (r < 0 && !cgroup->v2 && err->sys == EINVAL)
        r = 0;
    if (stop)
        (void)cgroup_freeze(cgroup, false, &ignored);
    return r;
}

int cgroup_update(Cgroup *cgroup, const OciResources *resources, Error *err) {
    RoundedLimits rounded;
    for (size_t i = 0; i < cgroup->n; i++)
        if (cgroup->item[i].fd < 0)
            TRY(file_open(AT_FDCWD, cgroup->item[i].path, O_RDONLY | O_DIRECTORY, 0,
                &cgroup->item[i].fd, err));
    if (cgroup->unit) { /* first what the kernel may refuse; systemd writes some of it again */
        TRY(limits_rewrite(cgroup, round_limits(cgroup, resources, &rounded), err));
        TRY(update_unit(cgroup, resources, err));
    }
    return limits_rewrite(cgroup, round_limits(cgroup, resources, &rounded), err);
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
    cgroup_release(cgroup);
    free(cgroup->unit);
    free(cgroup->slice);
    cgroup_close(cgroup);
    for (size_t i = 0; i < cgroup->n; i++) {
        free(cgroup->item[i].controllers);
        free(cgroup->item[i].mount);
        free(cgroup->item[i].path);
    }
    free(cgroup->item);
    hierarchies_done(&cgroup->hierarchies);
    *cgroup = (Cgroup){};
}
