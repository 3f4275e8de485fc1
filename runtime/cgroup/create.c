// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/create.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/text.h"
#include "runtime/cgroup/hierarchy.h"
#include "runtime/cgroup/limits.h"

enum {
    CONTROLLERS_MAX = 4096,
    CPUSET_MAX = 65536
};

/* Switches each controller on by itself: one that cannot be (threaded parents, real-time processes)
 * must not keep the others off; a limit that needs it will say so. */
static void enable_controllers(int cgroup) {
    Error ignored;
    autodone(Text) available = {};
    if (file_read(cgroup, "cgroup.controllers", CONTROLLERS_MAX, &available, &ignored) < 0)
        return;
    available.data[strcspn(available.data, "\n")] = '\0';
    autotexts char **names = texts_split(available.data, ' ');
    autofree char *joined = texts_join(names, " +");
    autofree char *line = text_format("+%s", joined);
    if (!*names || file_write_kernel(cgroup, "cgroup.subtree_control", line, &ignored) >= 0)
        return;
    for (char **name = names; *name; name++) {
        autofree char *one = text_format("+%s", *name);
        (void)file_write_kernel(cgroup, "cgroup.subtree_control", one, &ignored);
    }
}

/* Below a cgroup that has processes of its own a new one is "domain invalid": it works as a
 * threaded one, without memory, io and the like (cgroups(7), "thread mode"). */
static int check_type(int cgroup, const char *name, const OciResources *resources, Error *err) {
    Error ignored;
    autodone(Text) type = {};
    if (file_read(cgroup, "cgroup.type", 64, &type, &ignored) < 0)
        return 0; /* the root has none */
    type.data[strcspn(type.data, "\n")] = '\0';
    bool invalid = strcmp(type.data, "domain invalid") == 0;
    if (!invalid && !strstr(type.data, "threaded"))
        return 0;
    if (limits_need_domain(resources))
        return error_set(err, ERROR_STATE,
            "cannot enter cgroupv2 '%s' with domain controllers -- it is in %s", name,
            invalid ? "an invalid state" : type.data);
    if (invalid)
        (void)file_write_kernel(cgroup, "cgroup.type", "threaded", &ignored);
    return 0;
}

/* A new cpuset needs its parent's cpus and mems before a process can enter (cpuset(7)). 0: it has
 * none after all, as its parent. */
static int inherit_file(int parent, int child, bool made, const char *file, Error *err) {
    autodone(Text) value = {};
    if (!made)
        TRY(file_read(child, file, CPUSET_MAX, &value, err));
    if (value.length > 1)
        return 1;
    text_clear(&value);
    TRY(file_read(parent, file, CPUSET_MAX, &value, err));
    TRY(file_write_kernel(child, file, value.data, err));
    return value.length > 1;
}

static int inherit_cpuset(int parent, int child, bool made, Error *err) {
    int cpus = inherit_file(parent, child, made, "cpuset.cpus", err);
    if (cpus < 0)
        return cpus;
    int mems = inherit_file(parent, child, made, "cpuset.mems", err);
    return mems < 0 ? mems : cpus && mems;
}

static int step(const CgroupDirectory *directory, int parent, const char *name,
    const OciResources *resources, int *ret_fd, Error *err) {
    bool v2 = !*directory->controllers;
    if (v2)
        enable_controllers(parent);
    bool made = mkdirat(parent, name, 0755) == 0;
    if (!made && errno != EEXIST)
        return error_set_errno(err, errno, "cannot make cgroup '%s'", directory->path);
    TRY(file_open(parent, name, O_RDONLY | O_DIRECTORY, 0, ret_fd, err));
    if (v2)
        return check_type(*ret_fd, name, resources, err);
    if (hierarchy_has(directory->controllers, "cpuset"))
        TRY(inherit_cpuset(parent, *ret_fd, made, err));
    return 0;
}

/* Of a v2 directory: there is no controller to switch on, nor a threaded parent to follow. */
static bool is_plain(int cgroup, const CgroupDirectory *directory) {
    Error ignored;
    autodone(Text) type = {}, controllers = {};
    autofree char *list = path_join(directory->mount, "cgroup.controllers");
    return file_read(cgroup, "cgroup.type", 64, &type, &ignored) >= 0 &&
           text_equal(type.data, "domain\n") &&
           file_read(AT_FDCWD, list, CONTROLLERS_MAX, &controllers, &ignored) >= 0 &&
           controllers.length <= 1;
}

static bool inherits_cpuset(int leaf, const char *path) {
    Error ignored;
    autoclose int parent = -1;
    autofree char *above = path_parent(path);
    return file_open(AT_FDCWD, above, O_RDONLY | O_DIRECTORY, 0, &parent, &ignored) >= 0 &&
           inherit_cpuset(parent, leaf, true, &ignored) > 0;
}

/* Most containers live in a directory whose parent is there, ready for use: one call instead of a
 * walk. False: the walk says what is wrong, or sets it right. */
static bool create_leaf(CgroupDirectory *directory) {
    Error ignored;
    autoclose int leaf = -1;
    bool v2 = !*directory->controllers, cpuset = hierarchy_has(directory->controllers, "cpuset");
    bool made = mkdirat(AT_FDCWD, directory->path, 0755) == 0;
    if (!made && (errno != EEXIST || cpuset))
        return false;
    if (file_open(AT_FDCWD, directory->path, O_RDONLY | O_DIRECTORY, 0, &leaf, &ignored) < 0 ||
        (v2 && !is_plain(leaf, directory)) || (cpuset && !inherits_cpuset(leaf, directory->path)))
        return false;
    directory->fd = take_fd(&leaf);
    return true;
}

int cgroup_create(CgroupDirectory *directory, const OciResources *resources, Error *err) {
    const char *inside = directory->path + strlen(directory->mount);
    autotexts char **names = texts_split(inside + strspn(inside, "/"), '/');
    autoclose int at = -1;
    if (create_leaf(directory))
        return 0;
    TRY(file_open(AT_FDCWD, directory->mount, O_RDONLY | O_DIRECTORY, 0, &at, err));
    for (char **name = names; *name; name++) {
        autoclose int next = -1;
        TRY(step(directory, at, *name, resources, &next, err));
        close(at);
        at = take_fd(&next);
    }
    directory->fd = take_fd(&at);
    return 0;
}

static const char default_delegate[] = "cgroup.procs\ncgroup.subtree_control\ncgroup.threads";

int cgroup_give(const CgroupDirectory *directory, unsigned uid, Error *err) {
    Error ignored;
    autodone(Text) list = {};
    if (file_read(AT_FDCWD, "/sys/kernel/cgroup/delegate", CONTROLLERS_MAX, &list, &ignored) < 0)
        text_append(&list, default_delegate); /* before Linux 4.15 */
    autotexts char **names = texts_split(list.data, '\n');
    if (fchown(directory->fd, uid, (gid_t)-1) < 0)
        return error_set_errno(
            err, errno, "cannot give cgroup '%s' to user %u", directory->path, uid);
    for (char **name = names; *name; name++)
        if (**name && fchownat(directory->fd, *name, uid, (gid_t)-1, AT_SYMLINK_NOFOLLOW) < 0 &&
            errno != ENOENT)
            return error_set_errno(
                err, errno, "cannot give '%s/%s' to user %u", directory->path, *name, uid);
    return 0;
}
