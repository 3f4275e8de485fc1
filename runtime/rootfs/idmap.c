// SPDX-License-Identifier: Apache-2.0
#include "runtime/rootfs/idmap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "runtime/namespace/mapping.h"
#include "runtime/rootfs/tree.h"

/* Also when we are killed: nobody would know of it. */
_Noreturn static void wait_to_be_killed(pid_t parent) {
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
        _exit(1);
    for (;;)
        pause();
}

/* A child that only waits to be killed gives its new user namespace to our descriptor. */
static int open_namespace(const OciLinux *mappings, int *ret_fd, Error *err) {
    pid_t parent = getpid();
    struct clone_args args = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
    pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    if (pid == 0)
        wait_to_be_killed(parent);
    if (pid < 0)
        return error_set_errno(err, errno, "cannot make a user namespace");
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/user", pid);
    int r = mappings_write(mappings, pid, err);
    if (r >= 0)
        r = file_open(AT_FDCWD, path, O_RDONLY, 0, ret_fd, err);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return r;
}

bool idmap_is_wanted(const RootfsMount *mount) {
    return mount->options.id_map || mount->config->uid_mappings.n || mount->config->gid_mappings.n;
}

/* "FIRST-SECOND-COUNT"; with "@" before it the second is an id of the container. */
static int parse_range(
    const char *text, const JsonObjects *container, OciIdMapping *ret, Error *err) {
    JsonUint *slots[] = {&ret->container_id, &ret->host_id, &ret->size};
    bool relative = *text == '@';
    autotexts char **words = texts_split(text + relative, '-');
    for (size_t i = 0; i < 3; i++) {
        if (texts_count(words) != 3)
            return error_set(
                err, ERROR_INVALID, "idmap: \"%s\": expected FIRST-SECOND-COUNT", text);
        TRY(text_parse_uint(words[i], "idmap", &slots[i]->value, err));
        slots[i]->set = true;
    }
    if (relative)
        ret->host_id.value = mapping_host_id(container, ret->host_id.value);
    return 0;
}

static int parse_ranges(
    const char *text, const JsonObjects *container, JsonObjects *ret, Error *err) {
    autotexts char **ranges = texts_split(text, '#');
    for (char **range = ranges; *range; range++)
        TRY(parse_range(*range, container, json_objects_add(ret, &oci_id_mapping_type), err));
    return 0;
}

int idmap_parse(const Rootfs *rootfs, RootfsMount *mount, Error *err) {
    static const OciLinux none;
    const OciLinux *container = rootfs->spec->linux ? rootfs->spec->linux : &none;
    if (!mount->options.id_mapping)
        return 0;
    autotexts char **parts = texts_split(mount->options.id_mapping, ';');
    for (char **part = parts; *part; part++) {
        const char *value = strchr(*part, '=');
        if (value && text_starts(*part, "uids="))
            TRY(parse_ranges(value + 1, &container->uid_mappings, &mount->uid_mappings, err));
        else if (value && text_starts(*part, "gids="))
            TRY(parse_ranges(value + 1, &container->gid_mappings, &mount->gid_mappings, err));
        else
            return error_set(err, ERROR_INVALID, "idmap: \"%s\": expected uids= or gids=", *part);
    }
    return 0;
}

static const JsonObjects *uids_of(const RootfsMount *mount) {
    return mount->uid_mappings.n ? &mount->uid_mappings : &mount->config->uid_mappings;
}

static const JsonObjects *gids_of(const RootfsMount *mount) {
    return mount->gid_mappings.n ? &mount->gid_mappings : &mount->config->gid_mappings;
}

/* "idmap" without mappings of its own: the container's. */
static OciLinux mappings_of(const Rootfs *rootfs, const RootfsMount *mount) {
    OciLinux ret = {};
    const OciLinux *container = rootfs->spec->linux;
    bool own = uids_of(mount)->n;
    if (own || container) {
        ret.uid_mappings = own ? *uids_of(mount) : container->uid_mappings;
        ret.gid_mappings = own ? *gids_of(mount) : container->gid_mappings;
    }
    return ret;
}

/* The user namespace that the container joins has the mapping that it wants. */
static int joined_namespace(const Rootfs *rootfs, const RootfsMount *mount) {
    return uids_of(mount)->n ? -1 : namespaces_joined_fd(rootfs->namespaces, CLONE_NEWUSER);
}

int idmap_check(const Rootfs *rootfs, const RootfsMount *mount, Error *err) {
    OciLinux mappings = mappings_of(rootfs, mount);
    if (!mount->options.bind)
        return error_set(err, ERROR_UNSUPPORTED, "only bind mounts can be id-mapped");
    if (!uids_of(mount)->n != !gids_of(mount)->n)
        return error_set(err, ERROR_INVALID, "uidMappings and gidMappings must come together");
    if (joined_namespace(rootfs, mount) < 0 &&
        (!mappings.uid_mappings.n || !mappings.gid_mappings.n))
        return error_set(
            err, ERROR_INVALID, "an id-mapped mount needs uidMappings and gidMappings");
    return 0;
}

int idmap_open(const Rootfs *rootfs, RootfsMount *mount, Error *err) {
    OciLinux mappings = mappings_of(rootfs, mount);
    int joined = joined_namespace(rootfs, mount);
    if (joined < 0)
        return open_namespace(&mappings, &mount->id_map, err);
    mount->id_map = fcntl(joined, F_DUPFD_CLOEXEC, 3);
    return mount->id_map < 0 ? error_set_errno(err, errno, "cannot copy a descriptor") : 0;
}

int idmap_apply(RootfsMount *mount, int tree, Error *err) {
    autoclose int namespace = take_fd(&mount->id_map);
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (unsigned)namespace};
    unsigned flags = AT_EMPTY_PATH | (mount->options.id_map_recursive ? AT_RECURSIVE : 0);
    if (mount_setattr(tree, "", flags, &attr, sizeof attr) < 0)
        return error_set_errno(err, errno, "cannot map the ids of '%s'", mount->config->source);
    return 0;
}

static bool is_mapped_inside(const RootfsMount *mount) {
    return mount->inside && idmap_is_wanted(mount);
}

bool rootfs_maps_ids_inside(const Rootfs *rootfs) {
    bool found = false;
    for (size_t i = 0; i < rootfs->mount_n; i++)
        found = found || is_mapped_inside(&rootfs->mount[i]);
    return found && rootfs->opener == ROOTFS_FOR_INIT;
}

int rootfs_map_ids(Rootfs *rootfs, size_t mount, int tree, Error *err) {
    if (mount >= rootfs->mount_n || !is_mapped_inside(&rootfs->mount[mount]) ||
        rootfs->mount[mount].id_map < 0)
        return error_set(err, ERROR_INTERNAL, "mounts[%zu] has no ids to map", mount);
    return idmap_apply(&rootfs->mount[mount], tree, err);
}
