// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "runtime/checkpoint/checkpoint.h"
#include "runtime/checkpoint/criu.h"
#include "runtime/checkpoint/external.h"
#include "runtime/checkpoint/prepare.h"

static int check_status(const Container *container, Error *err) {
    ContainerStatus status = container_status(container);
    if (status == CONTAINER_RUNNING || status == CONTAINER_PAUSED)
        return 0;
    return error_set(err, ERROR_STATE, "Container cannot be checkpointed in %s state",
        container_status_name(status));
}

/* criu can do these only with a kernel that can. */
static int check_features(const Criu *criu, const CheckpointOptions *options, Error *err) {
    CriuFeatures features;
    if (!options->pre_dump && !options->criu.lazy_pages)
        return 0;
    TRY(criu_features(criu, &features, err));
    if (options->pre_dump && !features.track_memory)
        return error_set(err, ERROR_UNSUPPORTED,
            "CRIU is missing features: [MemTrack] (this kernel does not track dirty memory)");
    if (options->criu.lazy_pages && !features.lazy_pages)
        return error_set(err, ERROR_UNSUPPORTED, "CRIU is missing features: [LazyPages]");
    return 0;
}

static int check_status_fd(const CheckpointOptions *options, Error *err) {
    if (options->status_fd >= 0 && fcntl(options->status_fd, F_GETFL) < 0)
        return error_set_errno(err, errno, "invalid --status-fd argument %d", options->status_fd);
    return 0;
}

/* A hierarchy that the container has no cgroup of its own in is not its business: criu would take
 * all cgroups there along, and change them at the restore. */
static void name_cgroups(const Container *container, CriuOptions *ret) {
    const JsonMap *paths = &container->record.cgroup_paths;
    for (size_t i = 0; i < paths->n; i++)
        json_texts_add(&ret->cgroup_hierarchies, paths->key[i]);
}

/* A pre-dump is of memory only. */
static int describe(
    const Container *container, const OciSpec *spec, CheckpointOptions *options, Error *err) {
    CriuOptions *criu = &options->criu;
    prepare_options(options, spec);
    criu->pid = (int)container->record.pid.value;
    criu->root = container->record.rootfs;
    if (options->parent) {
        TRY(images_check_parent(&options->images, options->parent, err));
        criu->parent = options->parent;
    }
    criu->track_memory = options->pre_dump || options->parent;
    TRY(external_name_namespaces(container, spec, criu, err));
    if (options->pre_dump)
        return 0;
    name_cgroups(container, criu);
    TRY(external_name_mounts(container, spec, criu, err));
    return images_save_descriptors(&options->images, &container->record.descriptors, err);
}

static int notify(void *argument, const CriuNotice *notice, Error *err) {
    CheckpointOptions *options = argument;
    log_debug("criu: %s", notice->name);
    if (strcmp(notice->name, "status-ready") == 0 && options->status_fd >= 0) {
        TRY(fd_write_all(options->status_fd, "", 1, err));
        close(take_fd(&options->status_fd));
    }
    return 0;
}

static int run(CheckpointOptions *options, Error *err) {
    const CriuStart start = {.standard = {-1, -1, STDERR_FILENO}};
    const CriuListener listener = {.notify = notify, .argument = options};
    autodone(Criu) criu = {.socket = -1};
    TRY(criu_start(&criu, &start, err));
    TRY(prepare_check_version(&criu, &options->criu, err));
    TRY(check_features(&criu, options, err));
    CriuType type = options->pre_dump ? CRIU_PRE_DUMP : CRIU_DUMP;
    return prepare_run(&criu, type, options, &listener, err);
}

int container_checkpoint(Container *container, CheckpointOptions *options, Error *err) {
    OciSpec spec = {};
    Cgroup cgroup;
    TRY(check_status(container, err));
    TRY(check_status_fd(options, err));
    TRY(container_load_config(container, &spec, err));
    cgroup_load(&cgroup, &container->record.cgroup_paths);
    const CgroupDirectory *freezer = cgroup_find(&cgroup, "freezer");
    freezer = freezer ? freezer : cgroup_find(&cgroup, "");
    options->criu.freeze_cgroup = freezer ? freezer->path : NULL;
    int r = images_open(&options->images, &options->where, err);
    r = r < 0 ? r : describe(container, &spec, options, err);
    r = r < 0 ? r : run(options, err);
    cgroup_done(&cgroup);
    json_done(&oci_spec_type, &spec);
    return r;
}
