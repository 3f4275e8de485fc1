// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/text.h"

/* Files by (directory descriptor, name). Trees that a container or image controls are entered only
 * through file_open_in and file_make_dirs_in (rule A, docs/security.md). AT_FDCWD is a valid
 * directory for paths of our own. */

/* openat2(2) with RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS: symlinks, also absolute ones, resolve
 * inside root. O_CLOEXEC is added; mode only with O_CREAT. EAGAIN races are retried. */
int file_open_in(int root, const char *path, int flags, mode_t mode, int *ret_fd, Error *err);

/* openat2(2) with RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS. */
int file_open_beneath(int root, const char *path, int flags, mode_t mode, int *ret_fd, Error *err);

/* mkdir -p inside root; symlinks resolve inside root, and what a dangling one names is made;
 * ret_fd (O_PATH) is the last one. */
int file_make_dirs_in(int root, const char *path, mode_t mode, int *ret_fd, Error *err);

/* What the symlink dir/name names, seen from `parent`, the directory's path. NULL: no symlink. */
char *file_follow(int dir, const char *parent, const char *name);

/* openat(2) of a path of our own, with O_CLOEXEC. */
int file_open(int dir, const char *path, int flags, mode_t mode, int *ret_fd, Error *err);
int file_open_directory(int dir, const char *path, DIR **ret, Error *err); /* no symlink; to list */

/* mkdir -p of a path of our own; the last component gets `mode` exactly if it is new. */
int file_make_dirs(const char *path, mode_t mode, Error *err);
int file_make_dirs_at(int dir, const char *path, mode_t mode, Error *err);

/* A regular file of at most `limit` bytes. ERROR_NOT_FOUND, ERROR_EXHAUSTED. */
int file_read(int dir, const char *path, size_t limit, Text *ret, Error *err);

/* Replaces name by a new file whole: O_TMPFILE-like temporary, fsync if durable, rename(2). */
int file_write(
    int dir, const char *name, const void *data, size_t n, mode_t mode, bool durable, Error *err);

/* Makes a file that is not there; a reader may meet it half written. ERROR_EXISTS. */
int file_write_new(int dir, const char *name, const void *data, size_t n, mode_t mode, Error *err);

/* One write(2) to an existing kernel file (procfs, cgroupfs); path is a name beneath dir. */
int file_write_kernel(int dir, const char *path, const char *value, Error *err);

/* unlink(2) that takes absence for success. */
int file_remove(int dir, const char *name, Error *err);

/* rm -rf by descriptors; does not cross mounts, does not follow symlinks; absence is success. */
int file_remove_tree(int dir, const char *name, Error *err);

bool file_exists(int dir, const char *path);

/* Bytes that it and all below it take on the disk, as du(1) counts: hard links once, no other
 * mounts. Absence is 0. */
int file_usage(int dir, const char *name, uint64_t *ret, Error *err);
