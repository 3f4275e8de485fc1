// SPDX-License-Identifier: Apache-2.0
#include "engine/container/spec/devices.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "oci/runtime.h"

enum {
    DEPTH_MAX = 8
};

static const char *const skipped[] = {"/dev/pts", "/dev/shm", "/dev/fd", "/dev/mqueue", "/dev/.lxc",
    "/dev/.lxd-mounts", "/dev/.udev", "/dev/console", "/dev/ptmx", "/dev/tty"};

static bool is_skipped(const char *path) {
    for (size_t i = 0; i < array_size(skipped); i++) {
        if (text_equal(skipped[i], path))
            return true;
    }
    return false;
}

static void add(JsonObjects *ret, const char *path, const struct stat *st) {
    OciDevice *device = json_objects_add(ret, &oci_device_type);
    device->path = text_copy(path);
    device->type = text_copy(S_ISBLK(st->st_mode) ? "b" : "c");
    device->major = (JsonInt){true, major(st->st_rdev)};
    device->minor = (JsonInt){true, minor(st->st_rdev)};
    device->file_mode = (JsonUint){true, st->st_mode & 07777};
    device->uid = (JsonUint){true, st->st_uid};
    device->gid = (JsonUint){true, st->st_gid};
}

static int walk(int parent, const char *path, unsigned depth, JsonObjects *ret, Error *err) {
    DIR *directory;
    TRY(file_open_directory(parent, path, &directory, err));
    for (struct dirent *entry; (entry = readdir(directory));) {
        struct stat st;
        if (text_equal(entry->d_name, ".") || text_equal(entry->d_name, ".."))
            continue;
        autofree char *child = text_format("%s/%s", path, entry->d_name);
        if (is_skipped(child) ||
            fstatat(dirfd(directory), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue; /* devices come and go */
        Error ignored;
        if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX)
            walk(AT_FDCWD, child, depth + 1, ret, &ignored);
        else if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode))
            add(ret, child, &st);
    }
    closedir(directory);
    return 0;
}

int devices_list(JsonObjects *ret, Error *err) {
    return walk(AT_FDCWD, "/dev", 0, ret, err);
}

static const JsonField list_fields[] = {{"", JSON_OBJECTS, 0, &oci_device_type}, {}};
static const JsonType list_type = {sizeof(JsonObjects), list_fields};

void devices_done(JsonObjects *devices) {
    json_done(&list_type, devices);
}
