// SPDX-License-Identifier: Apache-2.0
#include "engine/snapshot/merge.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "engine/snapshot/attribute.h"
#include "engine/snapshot/copy.h"

/* Documentation/filesystems/overlayfs.rst, "whiteouts and opaque directories". */
static bool is_whiteout(const struct stat *status) {
    return S_ISCHR(status->st_mode) && status->st_rdev == 0;
}

static int merge_directory(Copy *copy, int from, const char *name, int to, Error *err);

/* Removes what is in the way; true in *ret_kept: a directory that stays. */
static int make_room(int to, const char *name, bool keep, bool *ret_kept, Error *err) {
    struct stat status;
    *ret_kept = false;
    if (fstatat(to, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : error_set_errno(err, errno, "cannot read '%s'", name);
    *ret_kept = keep && S_ISDIR(status.st_mode);
    return *ret_kept ? 0 : file_remove_tree(to, name, err);
}

/* rename(2) keeps hard links and costs no data, but does not cross subvolumes. */
static int move_entry(
    Copy *copy, int from, const char *name, const struct stat *status, int to, Error *err) {
    if (renameat(from, name, to, name) == 0)
        return 0;
    if (errno != EXDEV)
        return error_set_errno(err, errno, "cannot move '%s'", name);
    return copy_entry(copy, from, name, status, to, err);
}

static int merge_entry(Copy *copy, int from, const char *name, int to, Error *err) {
    struct stat status;
    bool kept;
    if (fstatat(from, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return error_set_errno(err, errno, "cannot read '%s'", name);
    bool directory = S_ISDIR(status.st_mode);
    TRY(make_room(to, name, directory && !attribute_is_opaque(from, name), &kept, err));
    if (is_whiteout(&status))
        return 0;
    if (!directory)
        return move_entry(copy, from, name, &status, to, err);
    if (!kept && mkdirat(to, name, 0700) < 0)
        return error_set_errno(err, errno, "cannot make directory '%s'", name);
    TRY(merge_directory(copy, from, name, to, err));
    return copy_attributes(from, to, name, &status, err);
}

static int merge_entries(Copy *copy, DIR *stream, int to, Error *err) {
    const struct dirent *entry;
    while ((entry = readdir(stream)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            TRY(merge_entry(copy, dirfd(stream), entry->d_name, to, err));
    return 0;
}

static int merge_open(Copy *copy, int from, const char *name, int to, Error *err) {
    autoclose int target = -1;
    DIR *stream;
    TRY(file_open(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, &target, err));
    TRY(file_open_directory(from, name, &stream, err));
    int code = merge_entries(copy, stream, target, err);
    closedir(stream);
    return code;
}

static int merge_directory(Copy *copy, int from, const char *name, int to, Error *err) {
    size_t length;
    TRY(copy_enter(copy, name, &length, err));
    int code = merge_open(copy, from, name, to, err);
    copy_leave(copy, length);
    return code;
}

static int empty(int tree, Error *err) {
    DIR *stream;
    int code = 0;
    TRY(file_open_directory(tree, ".", &stream, err));
    const struct dirent *entry;
    while (code == 0 && (entry = readdir(stream)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            code = file_remove_tree(tree, entry->d_name, err);
    closedir(stream);
    return code;
}

int merge_layer(int layer, int tree, Error *err) {
    autodone(Copy) copy = {.root = tree};
    struct stat status;
    if (fstat(layer, &status) < 0)
        return error_set_errno(err, errno, "cannot read a layer's root directory");
    if (attribute_is_opaque(layer, "."))
        TRY(empty(tree, err));
    TRY(merge_open(&copy, layer, ".", tree, err));
    return copy_attributes(layer, tree, ".", &status, err);
}

static int strip_directory(int dir, const char *name, unsigned depth, Error *err);

static int strip_entry(int dir, const char *name, unsigned depth, Error *err) {
    struct stat status;
    if (fstatat(dir, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return error_set_errno(err, errno, "cannot read '%s'", name);
    if (is_whiteout(&status))
        return file_remove(dir, name, err);
    return S_ISDIR(status.st_mode) ? strip_directory(dir, name, depth, err) : 0;
}

/* What is removed changes the directory's times. */
static int strip_entries(DIR *stream, unsigned depth, Error *err) {
    struct stat status;
    const struct dirent *entry;
    int dir = dirfd(stream);
    if (fstat(dir, &status) < 0)
        return error_set_errno(err, errno, "cannot read a directory");
    while ((entry = readdir(stream)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            TRY(strip_entry(dir, entry->d_name, depth, err));
    const struct timespec times[2] = {status.st_atim, status.st_mtim};
    if (futimens(dir, times) < 0)
        return error_set_errno(err, errno, "cannot set the times of a directory");
    return attribute_remove_overlay(dir, ".", err);
}

static int strip_directory(int dir, const char *name, unsigned depth, Error *err) {
    DIR *stream;
    if (depth >= COPY_DEPTH_MAX)
        return error_set(
            err, ERROR_EXHAUSTED, "'%s': more than %d directories deep", name, COPY_DEPTH_MAX);
    TRY(file_open_directory(dir, name, &stream, err));
    int code = strip_entries(stream, depth + 1, err);
    closedir(stream);
    return code;
}

int merge_strip(int layer, Error *err) {
    return strip_directory(layer, ".", 0, err);
}
