// SPDX-License-Identifier: Apache-2.0
#include "runtime/checkpoint/images.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/path.h"
#include "runtime/rootfs/tree.h"

#define DESCRIPTORS "descriptors.json"
#define PARENT "parent"

enum {
    DESCRIPTORS_MAX = 64 << 10
};

/* What criu opens or makes by name in these directories. */
static bool is_of_criu(const char *name) {
    return text_ends(name, ".img") || text_ends(name, ".log") || text_starts(name, "stats-") ||
           strcmp(name, DESCRIPTORS) == 0;
}

static int check_entry(int dir, const char *path, const char *name, Error *err) {
    struct stat st;
    bool parent = strcmp(name, PARENT) == 0;
    if (!parent && !is_of_criu(name))
        return 0;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : error_set_errno(err, errno, "cannot inspect '%s'", name);
    if (parent ? S_ISLNK(st.st_mode) || S_ISDIR(st.st_mode) : S_ISREG(st.st_mode))
        return 0;
    return error_set(err, ERROR_DENIED, "'%s/%s' is not a regular file", path, name);
}

static int check_entries(int dir, const char *path, Error *err) {
    int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = copy < 0 ? NULL : fdopendir(copy);
    if (!stream)
        return error_set_errno(err, errno, "cannot read directory '%s'", path);
    int r = 0;
    for (struct dirent *entry; r >= 0 && (entry = readdir(stream));)
        r = check_entry(dir, path, entry->d_name, err);
    closedir(stream);
    return r;
}

static int open_directory(const char *path, bool make, int *ret_fd, Error *err) {
    if (make)
        TRY(file_make_dirs(path, 0700, err));
    autoclose int fd = -1;
    TRY(file_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0, &fd, err));
    TRY(check_entries(fd, path, err));
    *ret_fd = take_fd(&fd);
    return 0;
}

int images_open(Images *images, const ImagesOptions *options, Error *err) {
    if (open_directory(options->path, options->make, &images->dir, err) < 0)
        return error_prefix(err, "image-path");
    const char *work = options->work_path ? options->work_path : options->path;
    if (open_directory(work, true, &images->work, err) < 0)
        return error_prefix(err, "work-path");
    autofree char *absolute = path_absolute(work);
    images->log = path_join(absolute, options->log_name);
    return file_remove(images->work, options->log_name, err);
}

/* Two lower directories: the attributes of the root are those of the first. */
int images_share(Images *images, int door, Error *err) {
    autoclose int tree = -1;
    autofree char *lower =
        text_format("lowerdir=/proc/self/fd/%d:/proc/self/fd/%d", door, images->dir);
    char *const data[] = {lower, NULL};
    struct stat st;
    if (fchmod(door, 0711) < 0 || fstat(images->dir, &st) < 0)
        return error_set_errno(err, errno, "cannot open the images for the user namespace");
    if (st.st_mode & S_IXOTH)
        return 0;
    if (tree_new("overlay", "images", data, MOUNT_ATTR_RDONLY, &tree, err) < 0)
        return error_prefix(err, "cannot open the images for the user namespace");
    close(images->dir);
    images->dir = take_fd(&tree);
    return 0;
}

int images_check_parent(const Images *images, const char *parent, Error *err) {
    struct stat st;
    if (path_is_absolute(parent))
        return error_set(err, ERROR_INVALID, "--parent-path must be relative");
    if (fstatat(images->dir, parent, &st, 0) < 0)
        return error_set_errno(err, errno, "invalid --parent-path: '%s'", parent);
    if (!S_ISDIR(st.st_mode))
        return error_set_errno(err, ENOTDIR, "invalid --parent-path: '%s'", parent);
    return 0;
}

int images_save_descriptors(const Images *images, const JsonTexts *descriptors, Error *err) {
    autodone(Text) text = {};
    text_append_char(&text, '[');
    for (size_t i = 0; i < descriptors->n; i++) {
        if (i)
            text_append_char(&text, ',');
        json_append_string(&text, descriptors->item[i], strlen(descriptors->item[i]));
    }
    text_append_char(&text, ']');
    return file_write(images->dir, DESCRIPTORS, text.data, text.length, 0600, false, err);
}

/* The file is a bare array; as the only member of an object the walker takes it. */
#define T DescriptorsFile
typedef struct DescriptorsFile {
    JsonTexts descriptors;
} DescriptorsFile;
static const JsonField descriptors_fields[] = {
    {"descriptors", JSON_TEXTS, JSON_AT(descriptors), .flags = JSON_REQUIRED},
    {},
};
static const JsonType descriptors_type = {sizeof(T), descriptors_fields};
#undef T

int images_load_descriptors(const Images *images, JsonTexts *ret, Error *err) {
    autodone(Text) text = {}, object = {};
    autoclose int fd = -1;
    DescriptorsFile file = {};
    TRY(file_open_beneath(images->dir, DESCRIPTORS, O_RDONLY | O_NONBLOCK, 0, &fd, err));
    if (fd_read_all(fd, DESCRIPTORS_MAX, &text, err) < 0)
        return error_prefix(err, DESCRIPTORS);
    text_append_format(&object, "{\"descriptors\":%s}", text.data ? text.data : "");
    if (json_decode(&descriptors_type, object.data, object.length, &file, err) < 0)
        return error_prefix(err, DESCRIPTORS);
    *ret = file.descriptors;
    return 0;
}

void images_done(Images *images) {
    if (images->dir >= 0)
        close(images->dir);
    if (images->work >= 0)
        close(images->work);
    free(images->log);
    *images = (Images)IMAGES_INIT;
}
