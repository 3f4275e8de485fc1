// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/text.h"
#include "engine/container/mount/mount.h"
#include "engine/container/private.h"
#include "engine/volume/volume.h"

#define PLACES "volumes"

char *mount_place(const char *bundle, size_t index) {
    return text_format("%s/" PLACES "/%zu", bundle, index);
}

/* Of the same sort as what will be mounted there; BUNDLE/volumes is ours and 0700. */
static int make_point(const char *place, mode_t like, int *ret_fd, Error *err) {
    autoclose int made = -1;
    if (S_ISDIR(like))
        TRY(file_make_dirs(place, 0700, err));
    else
        TRY(file_open(AT_FDCWD, place, O_WRONLY | O_CREAT | O_NOFOLLOW, 0600, &made, err));
    return file_open(AT_FDCWD, place, O_PATH | O_NOFOLLOW, 0, ret_fd, err);
}

static int clone_tree(int fd, int *ret, Error *err) {
    struct mount_attr private = {.propagation = MS_PRIVATE};
    autoclose int tree = open_tree(fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (tree < 0 || mount_setattr(tree, "", AT_EMPTY_PATH, &private, sizeof private) < 0)
        return error_set_errno(err, errno, "cannot clone the mount");
    *ret = take_fd(&tree);
    return 0;
}

static int place_one(
    Containers *containers, const ContainerMount *mount, const char *place, Error *err) {
    autoclose int fd = -1, tree = -1, point = -1;
    struct stat status;
    TRY(volume_open_subpath(containers->with.volumes, mount->volume, mount->subpath, &fd, err));
    if (fstat(fd, &status) < 0)
        return error_set_errno(
            err, errno, "cannot stat '%s' of volume '%s'", mount->subpath, mount->volume);
    TRY(make_point(place, status.st_mode, &point, err));
    int r = clone_tree(fd, &tree, err);
    if (r == 0 &&
        move_mount(tree, "", point, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
        r = error_set_errno(err, errno, "cannot attach the mount");
    return r < 0 ? error_prefix(
                       err, "cannot mount '%s' of volume '%s'", mount->subpath, mount->volume)
                 : 0;
}

int mounts_place(Containers *containers, const ContainerRecord *record, Error *err) {
    autofree char *bundle = path_bundle(containers, record->id);
    autofree char *places = path_join(bundle, PLACES);
    const ContainerMount *item = record->settings->mounts.item;
    for (size_t i = 0; i < record->settings->mounts.n; i++) {
        if (mount_kind(&item[i]) != MOUNT_VOLUME || text_is_empty(item[i].subpath))
            continue;
        autofree char *place = mount_place(bundle, i);
        TRY(file_make_dirs(places, 0700, err));
        TRY(place_one(containers, &item[i], place, err));
    }
    return 0;
}

int mounts_unplace(const char *bundle, Error *err) {
    autofree char *places = path_join(bundle, PLACES);
    DIR *stream;
    int r = file_open_directory(AT_FDCWD, places, &stream, err);
    if (r < 0)
        return r == ERROR_NOT_FOUND ? 0 : r;
    for (const struct dirent *entry; r >= 0 && (entry = readdir(stream));) {
        autofree char *place = path_join(places, entry->d_name);
        if (*entry->d_name == '.')
            continue;
        while (umount2(place, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
            ;
        if (errno != EINVAL) /* EINVAL: not a mount point, as it should be now */
            r = error_set_errno(err, errno, "cannot unmount '%s'", place);
    }
    closedir(stream);
    return r < 0 ? r : 0;
}
