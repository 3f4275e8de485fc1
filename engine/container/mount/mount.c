// SPDX-License-Identifier: Apache-2.0
#include "engine/container/mount/mount.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/container/bundle.h"
#include "engine/container/private.h"
#include "engine/volume/volume.h"

/* The next volume among the mounts, or NULL. */
static const ContainerMount *next_volume(const ContainerRecord *record, size_t *position) {
    const ContainerMount *item = record->settings->mounts.item;
    while (*position < record->settings->mounts.n) {
        const ContainerMount *mount = &item[(*position)++];
        if (mount_kind(mount) == MOUNT_VOLUME)
            return mount;
    }
    return NULL;
}

static int make_one(Containers *containers, const ContainerMount *mount, Error *err) {
    autoptr(Volume) volume = NULL;
    const VolumeCreate create = {
        .name = mount->volume,
        .driver = mount->driver,
        .labels = &mount->volume_labels,
        .options = &mount->volume_options,
        .anonymous = mount->anonymous.value,
    };
    return volume_create(containers->with.volumes, &create, &volume, err);
}

/* The tree is an image's, and nobody's else yet: symlinks lead to where they would in it. */
static int fill_one(Containers *containers, const ContainerMount *mount, int root, Error *err) {
    autoclose int place = -1, directory = -1;
    struct stat status;
    int r = file_open_in(root, mount->target, O_PATH, 0, &place, err);
    if (r == ERROR_NOT_FOUND)
        return 0;
    TRY(r);
    if (fstat(place, &status) < 0 || !S_ISDIR(status.st_mode))
        return error_set(err, ERROR_INVALID,
            "cannot mount volume over existing file, file exists %s", mount->target);
    if (mount->no_copy.value)
        return 0;
    TRY(file_open_in(root, mount->target, O_RDONLY | O_DIRECTORY, 0, &directory, err));
    return volume_fill(containers->with.volumes, mount->volume, directory, err);
}

/* A volume that one chooses a part of has content: it gets none of the image's. */
static int check_place(Containers *containers, const ContainerMount *mount, Error *err) {
    autoclose int fd = -1;
    return volume_open_subpath(containers->with.volumes, mount->volume, mount->subpath, &fd, err);
}

int mounts_make(Containers *containers, const ContainerRecord *record, Error *err) {
    autoclose int root = -1;
    size_t position = 0;
    const ContainerMount *mount;
    while ((mount = next_volume(record, &position))) {
        TRY(make_one(containers, mount, err));
        if (text_equal(mount->origin, MOUNT_ORIGIN_CONTAINER))
            continue;
        if (!text_is_empty(mount->subpath)) {
            TRY(check_place(containers, mount, err));
            continue;
        }
        if (root < 0)
            TRY(bundle_open_root(containers, record->id, ROOTFS_READ, &root, err));
        TRY(fill_one(containers, mount, root, err));
    }
    return 0;
}

static VolumeUse use_of(const ContainerRecord *record, const ContainerMount *mount) {
    return (VolumeUse){
        .name = mount->volume,
        .container = record->id,
        .target = mount->target,
        .propagation = mount->propagation,
        .read_only = mount->read_only.value,
    };
}

int mounts_hold(Containers *containers, const ContainerRecord *record, Error *err) {
    size_t position = 0;
    const ContainerMount *mount;
    while ((mount = next_volume(record, &position))) {
        const VolumeUse use = use_of(record, mount);
        TRY(volume_hold(containers->with.volumes, &use, err));
    }
    return 0;
}

void mounts_release(Containers *containers, const ContainerRecord *record) {
    size_t position = 0;
    const ContainerMount *mount;
    while ((mount = next_volume(record, &position))) {
        const VolumeUse use = use_of(record, mount);
        volume_release(containers->with.volumes, &use);
    }
}

void mounts_adopt(Containers *containers, const ContainerRecord *record) {
    size_t position = 0;
    const ContainerMount *mount;
    while ((mount = next_volume(record, &position)))
        volume_adopt(containers->with.volumes, mount->volume, record->id);
}

void mounts_remove_volumes(Containers *containers, const ContainerRecord *record) {
    size_t position = 0;
    const ContainerMount *mount;
    while ((mount = next_volume(record, &position))) {
        Error err;
        if (!mount->anonymous.value)
            continue;
        int r = volume_remove(containers->with.volumes, mount->volume, record->id, &err);
        if (r < 0 && r != ERROR_STATE &&
            r != ERROR_NOT_FOUND) /* others may use it, or it is gone */
            log_warning("container %.12s: %s", record->id, err.message);
    }
}

static bool uses(const ContainerRecord *record, const char *volume) {
    size_t position = 0;
    const ContainerMount *mount;
    while ((mount = next_volume(record, &position)))
        if (text_equal(mount->volume, volume))
            return true;
    return false;
}

void mounts_users(void *user, const char *volume, JsonTexts *ret) {
    Containers *containers = user;
    pthread_mutex_lock(&containers->mutex);
    for (size_t i = 0; i < containers->n; i++)
        if (uses(containers->container[i]->record, volume))
            json_texts_add(ret, containers->container[i]->id);
    pthread_mutex_unlock(&containers->mutex);
}
