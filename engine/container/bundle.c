// SPDX-License-Identifier: Apache-2.0
#include "engine/container/bundle.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/text.h"
#include "engine/container/health.h"
#include "engine/container/mount/mount.h"
#include "engine/container/private.h"
#include "engine/container/rootfs.h"
#include "engine/container/spec/devices.h"
#include "engine/container/spec/spec.h"

static bool cgroups_are_v2(void) {
    struct statfs fs;
    return statfs("/sys/fs/cgroup", &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

int bundle_write_files(Containers *containers, const ContainerRecord *record, Error *err) {
    autofree char *directory = container_path(containers, record->id, "");
    autofree char *hostname = spec_hostname(record);
    autodone(Endpoint) endpoint = {};
    endpoint_decode(record->state->endpoint, record->id, &endpoint);
    const NetworkFiles files = {directory, hostname, &endpoint};
    return network_write_files(containers->with.network, &files, err);
}

int bundle_open_root(
    Containers *containers, const char *id, RootfsAccess access, int *ret_fd, Error *err) {
    autodone(SnapshotMount) mount = {};
    autofree char *place = path_lookup(containers, id);
    TRY(snapshot_mounts(containers->with.snapshots, id, &mount, err));
    return rootfs_open(&mount, access, place, ret_fd, err);
}

/* The working directory exists before the program starts, as with Docker: made as root, 0755. */
static int directory_make(
    Containers *containers, const ContainerRecord *record, int root, Error *err) {
    autofree char *path = spec_directory(record);
    autoclose int fd = -1, writable = -1;
    int r = file_open_in(root, path, O_PATH, 0, &fd, err);
    if (r != ERROR_NOT_FOUND)
        return r;
    TRY(bundle_open_root(containers, record->id, ROOTFS_WRITE, &writable, err));
    return file_make_dirs_in(writable, path, 0755, &fd, err);
}

static SpecInput input_of(const Containers *containers, const ContainerRecord *record,
    const Identity *identity, const char *directory) {
    return (SpecInput){
        .record = record,
        .identity = identity,
        .directory = directory,
        .root = containers->with.config->root,
        .sandbox = record->state->endpoint ? record->state->endpoint->sandbox : NULL,
        .cgroup_v2 = cgroups_are_v2(),
        .no_new_privileges = containers->with.config->no_new_privileges,
    };
}

static int spec_write(Containers *containers, const ContainerRecord *record,
    const Identity *identity, int bundle, Error *err) {
    autofree char *directory = container_path(containers, record->id, "");
    autofree char *path = path_bundle(containers, record->id);
    SpecInput input = input_of(containers, record, identity, directory);
    JsonObjects devices = {};
    OciSpec spec = {};
    if (record->settings->privileged.value)
        TRY(devices_list(&devices, err));
    input.host_devices = &devices;
    input.bundle = path;
    int r = spec_build(&input, &spec, err);
    devices_done(&devices);
    TRY(r);
    autofree char *text = json_encode(&oci_spec_type, &spec, 0);
    json_done(&oci_spec_type, &spec);
    return file_write(bundle, "config.json", text, strlen(text), 0600, false, err);
}

/* What the shim runs as a health check. */
static int probe_write(Containers *containers, const ContainerRecord *record,
    const Identity *identity, int bundle, Error *err) {
    autofree char *directory = container_path(containers, record->id, "");
    SpecInput input = input_of(containers, record, identity, directory);
    autodone(ExecSettings) exec = {};
    OciHealthcheck health;
    OciProcess process = {};
    if (health_of(record, &health))
        health_command(record, &health, &exec.command);
    if (exec.command.n == 0)
        return 0;
    TRY(spec_build_exec(&input, &exec, &process, err));
    autofree char *text = json_encode(&oci_process_type, &process, 0);
    json_done(&oci_process_type, &process);
    return file_write(bundle, BUNDLE_HEALTH_FILE, text, strlen(text), 0600, false, err);
}

int bundle_make(Containers *containers, const ContainerRecord *record, Error *err) {
    autofree char *path = path_bundle(containers, record->id);
    autofree char *mount_point = path_join(path, "rootfs");
    autodone(Identity) identity = {};
    autoclose int root = -1, bundle = -1;
    TRY(file_make_dirs(mount_point, 0700, err));
    TRY(file_open(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0, &bundle, err));
    TRY(bundle_open_root(containers, record->id, ROOTFS_READ, &root, err));
    TRY(identity_find(root, spec_user(record), &identity, err));
    TRY(directory_make(containers, record, root, err));
    TRY(probe_write(containers, record, &identity, bundle, err));
    return spec_write(containers, record, &identity, bundle, err);
}

int bundle_remove(Containers *containers, const char *id, Error *err) {
    autofree char *path = path_bundle(containers, id);
    TRY(mounts_unplace(path, err));
    return file_remove_tree(AT_FDCWD, path, err);
}

/* The root file system is mounted in the bundle while the container runs. */
int bundle_exec_process(Containers *containers, const ContainerRecord *record,
    const ExecSettings *exec, char **ret_json, Error *err) {
    autofree char *bundle = path_bundle(containers, record->id);
    autofree char *path = path_join(bundle, "rootfs");
    autofree char *directory = container_path(containers, record->id, "");
    autodone(Identity) identity = {};
    autoclose int root = -1;
    OciProcess process = {};
    const char *user = text_is_empty(exec->user) ? spec_user(record) : exec->user;
    TRY(file_open(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0, &root, err));
    TRY(identity_find(root, user, &identity, err));
    SpecInput input = input_of(containers, record, &identity, directory);
    int r = spec_build_exec(&input, exec, &process, err);
    if (r == 0)
        *ret_json = json_encode(&oci_process_type, &process, 0);
    json_done(&oci_process_type, &process);
    return r;
}
