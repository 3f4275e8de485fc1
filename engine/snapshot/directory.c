// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/file.h"
#include "engine/snapshot/driver.h"

int snapshot_directory_make(const SnapshotStack *stack, const char *name, mode_t mode, Error *err) {
    char path[40];
    snprintf(path, sizeof(path), "%" PRIu64 "%s", stack->number[0], name);
    if (mkdirat(stack->dir, path, mode) < 0)
        return error_set_errno(err, errno, "cannot make snapshot %s", path);
    return 0;
}

int snapshot_directory_open(
    const SnapshotStack *stack, size_t i, const char *name, int *ret_fd, Error *err) {
    char path[40];
    snprintf(path, sizeof(path), "%" PRIu64 "%s", stack->number[i], name);
    return file_open(stack->dir, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, ret_fd, err);
}

int snapshot_directory_tree(const SnapshotStack *stack, int *ret_fd, Error *err) {
    return snapshot_directory_open(stack, 0, "/fs", ret_fd, err);
}

void snapshot_directory_path(const SnapshotStack *stack, size_t i, const char *name, Text *ret) {
    text_append_format(ret, "%s/%" PRIu64 "/%s", stack->path, stack->number[i], name);
}

int snapshot_mount_bind(const SnapshotStack *stack, SnapshotMount *ret, Error *err) {
    autodone(Text) source = {};
    snapshot_directory_path(stack, 0, "fs", &source);
    ret->type = text_copy("bind");
    ret->source = text_take(&source);
    json_texts_add(&ret->options, stack->writable ? "rw" : "ro");
    json_texts_add(&ret->options, "rbind");
    return 0;
}
