// SPDX-License-Identifier: Apache-2.0
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "base/path.h"
#include "base/text.h"
#include "engine/container/mount/mount.h"
#include "engine/volume/volume.h"

enum {
    MOUNTS_MAX = 1024 /* the kernel's bound for a whole namespace is 100,000 */
};

static const char *const kind_names[] = {
    [MOUNT_BIND] = "bind",
    [MOUNT_VOLUME] = "volume",
    [MOUNT_TMPFS] = "tmpfs",
};
_Static_assert(array_size(kind_names) == MOUNT_KINDS, "a name for each kind");

const char *mount_kind_name(MountKind kind) {
    return kind_names[kind];
}

MountKind mount_kind(const ContainerMount *mount) {
    MountKind kind = MOUNT_BIND;
    for (size_t i = 0; i < array_size(kind_names); i++)
        if (text_equal(mount->type, kind_names[i]))
            kind = (MountKind)i;
    return kind;
}

const char *mount_name(const ContainerMount *mount) {
    return mount->volume ? mount->volume : mount->source;
}

char *mount_source(const ContainerMount *mount, const char *root) {
    if (mount_kind(mount) == MOUNT_VOLUME)
        return volume_path_in(root, mount->volume);
    return text_copy(mount->source ? mount->source : "");
}

static int check_bind(const ContainerMount *mount, Error *err) {
    static const char *const propagations[] = {
        "", "private", "rprivate", "shared", "rshared", "slave", "rslave"};
    bool known = false;
    struct stat status;
    for (size_t i = 0; i < array_size(propagations); i++)
        known |= text_equal(propagations[i], mount->propagation ? mount->propagation : "");
    if (!path_is_absolute(mount->source))
        return error_set(err, ERROR_INVALID, "invalid mount '%s:%s': both paths must be absolute",
            mount->source, mount->target);
    if (!known)
        return error_set(err, ERROR_INVALID, "invalid mount '%s:%s': unknown propagation '%s'",
            mount->source, mount->target, mount->propagation);
    if (mount->strict.value && stat(mount->source, &status) < 0)
        return error_set(err, ERROR_INVALID, "bind source path does not exist: %s", mount->source);
    return 0;
}

/* By its words alone; where its symlinks lead is seen when it is opened. */
static int check_subpath(const ContainerMount *mount, Error *err) {
    autofree char *clean = path_clean(mount->subpath ? mount->subpath : "");
    if (text_is_empty(mount->subpath))
        return 0;
    if (text_is_empty(mount->volume))
        return error_set(err, ERROR_INVALID, "must not set Subpath when using anonymous volumes");
    return path_is_absolute(clean) || text_equal(clean, "..") || text_starts(clean, "../")
               ? error_set(err, ERROR_INVALID, "subpath must be a relative path within the volume")
               : 0;
}

static int check_volume(const ContainerMount *mount, Error *err) {
    if (!text_is_empty(mount->propagation))
        return error_set(err, ERROR_INVALID, "a volume has no propagation");
    TRY(check_subpath(mount, err));
    if (text_is_empty(mount->volume))
        return 0;
    int r = volume_name_check(mount->volume, err);
    return r < 0 ? error_prefix(err, "create %s", mount->volume) : 0;
}

/* Docker's of a tmpfs; words that end with "=" want a value. */
static bool is_tmpfs_option(const char *word) {
    static const char *const known[] = {"async", "atime", "dev", "diratime", "exec", "noatime",
        "nodev", "nodiratime", "noexec", "norelatime", "nostrictatime", "nosuid", "relatime", "ro",
        "rw", "strictatime", "suid", "sync",
        "gid=", "huge=", "mode=", "mpol=", "nr_blocks=", "nr_inodes=", "size=", "uid="};
    for (size_t i = 0; i < array_size(known); i++)
        if (text_ends(known[i], "=") ? text_starts(word, known[i]) : text_equal(word, known[i]))
            return true;
    return false;
}

static int check_tmpfs(const ContainerMount *mount, Error *err) {
    if (!text_is_empty(mount->source) || !text_is_empty(mount->volume))
        return error_set(err, ERROR_INVALID, "field Source must not be specified");
    autotexts char **words = texts_split(mount->options ? mount->options : "", ',');
    for (char **word = words; *word; word++)
        if (!is_tmpfs_option(*word))
            return error_set(err, ERROR_INVALID, "invalid tmpfs option \"%s\"", *word);
    return text_is_empty(mount->propagation)
               ? 0
               : error_set(err, ERROR_INVALID, "a tmpfs has no propagation");
}

static int (*const checks[])(const ContainerMount *mount, Error *err) = {
    [MOUNT_BIND] = check_bind,
    [MOUNT_VOLUME] = check_volume,
    [MOUNT_TMPFS] = check_tmpfs,
};

static int check_one(const ContainerMount *mount, Error *err) {
    MountKind kind = mount_kind(mount);
    autofree char *target = path_clean(mount->target);
    if (!text_is_empty(mount->type) && !text_equal(mount->type, kind_names[kind]))
        return error_set(err, ERROR_INVALID, "mount type unknown: \"%s\"", mount->type);
    int r = 0;
    if (!path_is_absolute(mount->target))
        r = error_set(err, ERROR_INVALID, "invalid mount path: '%s' mount path must be absolute",
            mount->target);
    else if (text_equal(target, "/"))
        r = error_set(err, ERROR_INVALID, "invalid specification: destination can't be '/'");
    else
        r = checks[kind](mount, err);
    return r < 0 && mount->origin
               ? error_prefix(err, "invalid mount config for type \"%s\"", kind_names[kind])
               : r;
}

int mounts_check(const ContainerSettings *settings, Error *err) {
    const ContainerMount *item = settings->mounts.item;
    if (settings->mounts.n > MOUNTS_MAX)
        return error_set(err, ERROR_EXHAUSTED, "more than %d mounts", MOUNTS_MAX);
    for (size_t i = 0; i < settings->mounts.n; i++) {
        TRY(check_one(&item[i], err));
        autofree char *target = path_clean(item[i].target);
        for (size_t j = 0; j < i; j++) {
            autofree char *other = path_clean(item[j].target);
            if (text_equal(target, other))
                return error_set(err, ERROR_INVALID, "Duplicate mount point: %s", target);
        }
    }
    return 0;
}
