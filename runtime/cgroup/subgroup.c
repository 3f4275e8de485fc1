// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/subgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/text.h"
#include "runtime/cgroup/create.h"

#define SUBGROUP "run.oci.systemd.subgroup"
#define DELEGATED "run.oci.delegate-cgroup"

int subgroup_of_unit(const JsonMap *annotations, const char **ret, Error *err) {
    const char *name = annotations ? json_map_find(annotations, SUBGROUP) : NULL;
    *ret = text_is_empty(name) ? NULL : name;
    if (*ret && (strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0))
        return error_set(err, ERROR_INVALID,
            "annotation " SUBGROUP ": expected the name of one cgroup, got \"%s\"", name);
    return 0;
}

int subgroup_delegated(const JsonMap *annotations, const char **ret, Error *err) {
    const char *path = annotations ? json_map_find(annotations, DELEGATED) : NULL;
    *ret = text_is_empty(path) ? NULL : path;
    autotexts char **parts = texts_split(*ret ? path : "", '/');
    bool names = !*ret;
    for (char **part = parts; *part; part++) {
        if (strcmp(*part, "..") == 0)
            return error_set(err, ERROR_INVALID,
                "annotation " DELEGATED ": invalid `..` component in \"%s\"", path);
        names = names || (**part && strcmp(*part, ".") != 0);
    }
    return names ? 0
                 : error_set(err, ERROR_INVALID,
                       "annotation " DELEGATED ": expected a cgroup's name, got \"%s\"", path);
}

const char *subgroup_below_unit(const Cgroup *cgroup, const char *path) {
    autofree char *inside = text_format("/%s/", cgroup->unit);
    const char *found = strstr(path, inside);
    return found ? found + strlen(inside) - 1 : path + strlen(path);
}

char *subgroup_top(const Cgroup *cgroup, const CgroupDirectory *directory) {
    const char *path = directory->path, *end = path + strlen(path);
    if (cgroup->unit)
        end = subgroup_below_unit(cgroup, path);
    return text_copy_n(path, (size_t)(end - path));
}

int subgroup_take_keeper(const Cgroup *cgroup, Error *err) {
    const CgroupDirectory *directory = cgroup->v2 ? cgroup_find(cgroup, "") : NULL;
    if (!directory || cgroup->keeper <= 0 || !*subgroup_below_unit(cgroup, directory->path))
        return 0;
    if (mkdirat(AT_FDCWD, directory->path, 0755) < 0 && errno != EEXIST)
        return error_set_errno(err, errno, "cannot make cgroup '%s'", directory->path);
    autofree char *procs = path_join(directory->path, "cgroup.procs");
    autofree char *number = text_format("%d", cgroup->keeper);
    return file_write_kernel(AT_FDCWD, procs, number, err);
}

int subgroup_delegate(const CgroupDelegation *delegation, pid_t pid, Error *err) {
    const CgroupDirectory *own = cgroup_find(delegation->cgroup, "");
    autofree char *path = path_join(own->path, delegation->below);
    CgroupDirectory directory = {
        .controllers = (char[]){""}, .mount = own->path, .path = path, .fd = -1, .tasks_fd = -1};
    autofree char *number = text_format("%d", pid);
    autofree char *procs = path_join(path, "cgroup.procs");
    TRY(file_make_dirs(path, 0755, err));
    TRY(file_write_kernel(AT_FDCWD, procs, number, err));
    /* switches controllers on, now that nobody lives beside it: before, those that may be threaded
     * could, and have made a threaded cgroup of it (cgroups(7)) */
    cgroup_release(delegation->cgroup);
    int r = cgroup_create(&directory, NULL, err);
    if (r >= 0 && delegation->uid >= 0)
        r = cgroup_give(&directory, (unsigned)delegation->uid, err);
    if (directory.fd >= 0)
        close(directory.fd);
    return r;
}
