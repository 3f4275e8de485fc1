// SPDX-License-Identifier: Apache-2.0
#include "engine/shim/checkpoint.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"

static const char *const uses[] = {
    [CHECKPOINT_DUMP] = "dump",
    [CHECKPOINT_RESTORE] = "restore",
};

static char *path_of(const Shims *shims, const ShimTask *task, CheckpointUse use) {
    return text_format("%s/checkpoints/%s/%s/%s", shims->root, uses[use], task->space, task->id);
}

int checkpoint_directory_make(const Shims *shims, const ShimTask *task, CheckpointUse use,
    char **ret_path, int *ret_fd, Error *err) {
    autofree char *space = text_format("%s/checkpoints/%s/%s", shims->root, uses[use], task->space);
    autofree char *path = path_of(shims, task, use);
    autoclose int parent = -1;
    TRY(file_make_dirs(space, 0700, err));
    TRY(file_open(AT_FDCWD, space, O_RDONLY | O_DIRECTORY, 0, &parent, err));
    if (mkdirat(parent, task->id, 0700) < 0)
        return errno == EEXIST
                   ? error_set(err, ERROR_UNAVAILABLE,
                         "another checkpoint of task %s is under way: unavailable", task->id)
                   : error_set_errno(err, errno, "cannot make '%s'", path);
    TRY(file_open(parent, task->id, O_RDONLY | O_DIRECTORY, 0, ret_fd, err));
    *ret_path = take_ptr(&path);
    return 0;
}

void checkpoint_directory_remove(const Shims *shims, const ShimTask *task, CheckpointUse use) {
    autofree char *path = path_of(shims, task, use);
    Error ignored;
    file_remove_tree(AT_FDCWD, path, &ignored);
}

static void sweep_space(const Shims *shims, const char *space, const char *path) {
    DIR *stream = opendir(path);
    const struct dirent *entry;
    while (stream && (entry = readdir(stream))) {
        const ShimTask task = {space, entry->d_name};
        autofree char *bundle = shim_bundle(shims, &task);
        if (*entry->d_name != '.' && access(bundle, F_OK) < 0 && errno == ENOENT)
            checkpoint_directory_remove(shims, &task, CHECKPOINT_RESTORE);
    }
    if (stream)
        closedir(stream);
}

void checkpoint_directories_sweep(const Shims *shims) {
    autofree char *dumps = text_format("%s/checkpoints/dump", shims->root);
    autofree char *restores = text_format("%s/checkpoints/restore", shims->root);
    Error ignored;
    file_remove_tree(AT_FDCWD, dumps, &ignored);
    DIR *stream = opendir(restores);
    const struct dirent *entry;
    while (stream && (entry = readdir(stream))) {
        autofree char *path = text_format("%s/%s", restores, entry->d_name);
        if (*entry->d_name != '.')
            sweep_space(shims, entry->d_name, path);
    }
    if (stream)
        closedir(stream);
}
