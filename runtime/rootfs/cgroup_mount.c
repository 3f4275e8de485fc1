// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/path.h"
#include "runtime/rootfs/mount.h"
#include "runtime/rootfs/tree.h"

/* Mounts of type "cgroup". In a cgroup namespace of its own the container mounts the hierarchies
 * anew and finds itself at their roots. Without one it sees what the reference runtime shows: on v1
 * its own directories (the caller's, where it has none), on v2 the whole hierarchy, because that is
 * where the paths in /proc/PID/cgroup begin. On hybrid machines the unified hierarchy has no
 * controllers and is left out. */

static bool is_wanted(const Rootfs *rootfs) {
    for (size_t i = 0; i < rootfs->mount_n; i++)
        if (!rootfs->mount[i].options.bind && !text_is_empty(rootfs->mount[i].config->type) &&
            text_starts(rootfs->mount[i].config->type, "cgroup"))
            return true;
    return false;
}

static const CgroupDirectory *find_made(const Cgroup *cgroup, const char *controllers) {
    for (size_t i = 0; i < cgroup->n; i++)
        if (strcmp(cgroup->item[i].controllers, controllers) == 0)
            return &cgroup->item[i];
    return NULL;
}

/* What of the mounted hierarchy a container without a namespace gets to see. New string. */
static char *choose_path(const Hierarchy *h, const Cgroup *cgroup) {
    const CgroupDirectory *made = find_made(cgroup, h->controllers);
    if (cgroup->v2)
        return text_copy(h->mount);
    if (made)
        return text_copy(made->path);
    if (strcmp(h->root, "/") == 0)
        return path_join(h->mount, h->own);
    return path_join(h->mount, path_is_within(h->own, h->root) ? h->own + strlen(h->root) : "");
}

void cgroup_mounts_choose(Rootfs *rootfs, const Cgroup *cgroup) {
    bool anew = rootfs->namespaces->create & CLONE_NEWCGROUP;
    for (size_t i = 0; is_wanted(rootfs) && i < cgroup->hierarchies.n; i++) {
        const Hierarchy *h = &cgroup->hierarchies.item[i];
        if (!cgroup->v2 && !*h->controllers)
            continue;
        RootfsCgroup one = {.name = text_copy(cgroup->v2 ? "" : path_name(h->mount)),
            .controllers = text_copy(h->controllers),
            .path = anew ? NULL : choose_path(h, cgroup),
            .tree = -1};
        array_append(rootfs->cgroup, rootfs->cgroup_n, one);
    }
}

static int mount_anew(RootfsCgroup *cgroup, Error *err) {
    if (!*cgroup->controllers)
        return tree_new("cgroup2", "cgroup", NULL, 0, &cgroup->tree, err);
    bool named = text_starts(cgroup->controllers, "name=");
    autofree char *list = text_format("%s%s", named ? "none," : "", cgroup->controllers);
    autotexts char **data = texts_split(list, ',');
    return tree_new("cgroup", "cgroup", data, 0, &cgroup->tree, err);
}

static int open_tree_of(RootfsCgroup *cgroup, Error *err) {
    return cgroup->path ? 0 : mount_anew(cgroup, err);
}

/* "cpu,cpuacct" is also known as "cpu" and as "cpuacct". */
static int link_controllers(int dir, const RootfsCgroup *cgroup, Error *err) {
    if (!strchr(cgroup->name, ','))
        return 0;
    autotexts char **names = texts_split(cgroup->name, ',');
    for (char **name = names; *name; name++)
        if (symlinkat(cgroup->name, dir, *name) < 0 && errno != EEXIST)
            return error_set_errno(err, errno, "cannot link '%s'", *name);
    return 0;
}

static int add_hierarchy(RootfsCgroup *cgroup, int tmpfs, Error *err) {
    TRY(open_tree_of(cgroup, err));
    if (mkdirat(tmpfs, cgroup->name, 0755) < 0)
        return error_set_errno(err, errno, "cannot make '%s'", cgroup->name);
    TRY(tree_attach(cgroup->tree, tmpfs, cgroup->name, err));
    close(take_fd(&cgroup->tree));
    return link_controllers(tmpfs, cgroup, err);
}

static int set_attributes(int tree, uint64_t attributes, Error *err) {
    struct mount_attr attr = {.attr_set = attributes, .propagation = MS_SLAVE};
    if (mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof attr) < 0)
        return error_set_errno(err, errno, "cannot change the attributes of a mount");
    return 0;
}

static const uint64_t v1_attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;

static bool is_v2(const Rootfs *rootfs) {
    return rootfs->cgroup_n == 1 && !*rootfs->cgroup[0].name;
}

int cgroup_mount_open(RootfsCgroup *cgroup, Error *err) {
    return cgroup->path && cgroup->tree < 0
               ? tree_clone(AT_FDCWD, cgroup->path, true, &cgroup->tree, err)
               : 0;
}

/* The hierarchies themselves, or v2 when it is mounted anew, may have to wait for the cgroup
 * namespace. */
int mount_make_cgroup(const Rootfs *rootfs, RootfsMount *mount, Error *err) {
    char *const data[] = {(char[]){"mode=755"}, rootfs->context, NULL};
    return is_v2(rootfs) ? cgroup_mount_open(&rootfs->cgroup[0], err)
                         : tree_new("tmpfs", "tmpfs", data, v1_attributes, &mount->source, err);
}

static int mount_v1(Rootfs *rootfs, RootfsMount *mount, Error *err) {
    if (mount->source < 0)
        TRY(mount_make_cgroup(rootfs, mount, err));
    autoclose int tmpfs = take_fd(&mount->source);
    TRY(mount_attach(rootfs, tmpfs, mount, true, err));
    for (size_t i = 0; i < rootfs->cgroup_n; i++)
        TRY(add_hierarchy(&rootfs->cgroup[i], tmpfs, err));
    return set_attributes(tmpfs, v1_attributes | (mount->options.set & MOUNT_ATTR_RDONLY), err);
}

static int mount_v2(Rootfs *rootfs, RootfsMount *mount, Error *err) {
    RootfsCgroup *cgroup = &rootfs->cgroup[0];
    uint64_t attributes = mount->options.set | mount->options.recursive_set;
    TRY(open_tree_of(cgroup, err));
    /* what belongs to a user beyond the container must not be the container's (CVE-2023-25809) */
    if (cgroup->path && (rootfs->user_namespace || cgroup_is_rootless()))
        attributes |= MOUNT_ATTR_RDONLY;
    TRY(set_attributes(cgroup->tree, attributes, err));
    TRY(mount_attach(rootfs, cgroup->tree, mount, true, err));
    close(take_fd(&cgroup->tree));
    return 0;
}

int mount_cgroup(Rootfs *rootfs, RootfsMount *mount, Error *err) {
    TRY(mount_check_ordinary(rootfs, mount, err));
    if (is_v2(rootfs))
        return mount_v2(rootfs, mount, err);
    return mount_v1(rootfs, mount, err);
}
