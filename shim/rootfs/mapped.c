// SPDX-License-Identifier: Apache-2.0
#include "shim/rootfs/mapped.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/path.h"
#include "base/text.h"
#include "shim/rootfs/user_namespace.h"

enum {
    LAYERS_MAX = 500
};

/* Where the mapped layers are: directories "0", "1", … */
typedef struct Place {
    char *path;
    int fd;
    unsigned n;
} Place;

static const char *find(const Containerd__Types__Mount *mount, const char *prefix) {
    for (size_t i = 0; i < mount->n_options; i++)
        if (text_starts(mount->options[i], prefix))
            return mount->options[i] + strlen(prefix);
    return NULL;
}

bool mapped_mount_is(const Containerd__Types__Mount *mount) {
    return find(mount, "uidmap=") || find(mount, "gidmap=");
}

static int open_place(const char *rootfs, Place *ret, Error *err) {
    autofree char *parent = path_parent(rootfs);
    ret->path = path_join(parent, "layers");
    TRY(file_make_dirs(ret->path, 0700, err));
    return file_open(AT_FDCWD, ret->path, O_RDONLY | O_DIRECTORY, 0, &ret->fd, err);
}

static void close_place(Place *place) {
    Error ignored;
    for (unsigned i = 0; i < place->n; i++) {
        autofree char *path = text_format("%s/%u", place->path, i);
        umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
    }
    if (place->fd >= 0)
        close(place->fd);
    file_remove_tree(AT_FDCWD, place->path, &ignored);
    free(place->path);
}

/* mount_setattr(2) maps a mount that is not attached yet; the overlay wants an attached one (Linux
 * before 6.15). */
static int add_layer(Place *place, const char *directory, int user_namespace, Error *err) {
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_IDMAP | MOUNT_ATTR_RDONLY,
        .propagation = MS_PRIVATE,
        .userns_fd = (uint64_t)user_namespace};
    autofree char *name = text_format("%u", place->n);
    autoclose int tree = open_tree(AT_FDCWD, directory, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (tree < 0)
        return error_set_errno(err, errno, "cannot open layer '%s'", directory);
    if (mount_setattr(tree, "", AT_EMPTY_PATH, &attributes, sizeof attributes) < 0)
        return error_set_errno(err, errno, "cannot map the owners of layer '%s'", directory);
    if (mkdirat(place->fd, name, 0700) < 0 ||
        move_mount(tree, "", place->fd, name, MOVE_MOUNT_F_EMPTY_PATH) < 0)
        return error_set_errno(err, errno, "cannot mount layer '%s'", directory);
    place->n++;
    return 0;
}

static int add_layers(
    Place *place, const char *directories, int user_namespace, Text *ret_option, Error *err) {
    autotexts char **list = texts_split(directories, ':');
    text_append(ret_option, "lowerdir=");
    for (size_t i = 0; list && list[i]; i++) {
        if (i >= LAYERS_MAX)
            return error_set(err, ERROR_EXHAUSTED, "more than %d layers", LAYERS_MAX);
        TRY(add_layer(place, list[i], user_namespace, err));
        text_append_format(ret_option, "%s%s/%zu", i ? ":" : "", place->path, i);
    }
    return 0;
}

static int mount_at(const Containerd__Types__Mount *mount, Place *place, const char *rootfs,
    MountPlain plain, Error *err) {
    static const char *const replaced[] = {"uidmap=", "gidmap=", "lowerdir="};
    autoclose int user_namespace = -1;
    autodone(Text) lower = {};
    autodone(JsonTexts) options = {};
    TRY(user_namespace_open(
        find(mount, replaced[0]), find(mount, replaced[1]), &user_namespace, err));
    TRY(add_layers(place, find(mount, replaced[2]), user_namespace, &lower, err));
    json_texts_add(&options, lower.data);
    for (size_t i = 0; i < mount->n_options; i++)
        if (!text_starts(mount->options[i], replaced[0]) &&
            !text_starts(mount->options[i], replaced[1]) &&
            !text_starts(mount->options[i], replaced[2]))
            json_texts_add(&options, mount->options[i]);
    Containerd__Types__Mount known = *mount;
    known.options = options.item;
    known.n_options = options.n;
    return plain(&known, rootfs, err);
}

int mapped_mount(
    const Containerd__Types__Mount *mount, const char *rootfs, MountPlain plain, Error *err) {
    Place place = {.fd = -1};
    if (!find(mount, "uidmap=") || !find(mount, "gidmap=") || !find(mount, "lowerdir=") ||
        !text_equal(mount->type, "overlay"))
        return error_set(err, ERROR_UNSUPPORTED,
            "%s with mapped owners: only an overlay's uids and gids together can be", mount->type);
    int r = open_place(rootfs, &place, err);
    if (r >= 0)
        r = mount_at(mount, &place, rootfs, plain, err);
    close_place(&place);
    return r;
}
