// SPDX-License-Identifier: Apache-2.0
#include "shim/log/rotation.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/process.h"
#include "base/text.h"

enum {
    HOLES_MAX = 8, /* as lib/output/reader.c */
    INDEX_MAX = 4000,
};

struct LogRotation {
    char *path, *temporary;
    OutputSettings settings;
    Loop *loop;
    int top;           /* highest number of a file */
    int compressing;   /* the file, held open so that its inode stays its own; -1: none */
    LoopSource source; /* tare-compress tells us that it has done it; fd -1: it is not running */
};

static const char *const suffixes[] = {"", ".gz"};

static char *name_of(const LogRotation *rotation, int index, const char *suffix) {
    return index ? text_format("%s.%d%s", rotation->path, index, suffix)
                 : text_copy(rotation->path);
}

static bool stat_index(
    const LogRotation *rotation, int index, const char *suffix, struct stat *ret) {
    autofree char *name = name_of(rotation, index, suffix);
    return fstatat(AT_FDCWD, name, ret, AT_SYMLINK_NOFOLLOW) == 0;
}

static void find_top(LogRotation *rotation) {
    struct stat ignored;
    for (int index = 1; index < rotation->top + HOLES_MAX && index < INDEX_MAX; index++)
        for (size_t i = 0; i < array_size(suffixes); i++)
            if (stat_index(rotation, index, suffixes[i], &ignored))
                rotation->top = index;
}

/* A reader holds a shared lock: ours is an exclusive one. false: there is a reader. Who comes until
 * *ret_fd is closed waits, and then sees that the file has gone. -1: there is no such file. */
static bool keep_readers_out(
    const LogRotation *rotation, int index, const char *suffix, int *ret_fd) {
    autofree char *name = name_of(rotation, index, suffix);
    autoclose int fd = -1;
    Error ignored;
    if (file_open(AT_FDCWD, name, O_RDONLY | O_NOFOLLOW, 0, &fd, &ignored) < 0)
        return true;
    if (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
        return false;
    *ret_fd = take_fd(&fd);
    return true;
}

static bool is_read(const LogRotation *rotation, int index, const char *suffix) {
    autoclose int fd = -1;
    return !keep_readers_out(rotation, index, suffix, &fd);
}

static int64_t remove_index(const LogRotation *rotation, int index) {
    int64_t size = 0;
    for (size_t i = 0; i < array_size(suffixes); i++) {
        struct stat status;
        autofree char *name = name_of(rotation, index, suffixes[i]);
        Error ignored;
        if (stat_index(rotation, index, suffixes[i], &status))
            size += status.st_size;
        file_remove(AT_FDCWD, name, &ignored);
    }
    return size;
}

/* Bytes of the files beyond the number of files. */
static int64_t excess(const LogRotation *rotation) {
    int64_t size = 0;
    for (int index = rotation->settings.max_files; index <= rotation->top; index++)
        for (size_t i = 0; i < array_size(suffixes); i++) {
            struct stat status;
            if (stat_index(rotation, index, suffixes[i], &status))
                size += status.st_size;
        }
    return size;
}

/* From the oldest on: what a reader is in, and all that it will come to, stays. */
static void remove_expired(LogRotation *rotation) {
    if (rotation->top < rotation->settings.max_files)
        return;
    int64_t size = excess(rotation);
    for (; rotation->top >= rotation->settings.max_files; rotation->top--) {
        autoclose int plain = -1, compressed = -1;
        bool read = !keep_readers_out(rotation, rotation->top, "", &plain) ||
                    !keep_readers_out(rotation, rotation->top, ".gz", &compressed);
        if (read && size <= LOG_KEPT_MAX && rotation->top < INDEX_MAX)
            break;
        size -= remove_index(rotation, rotation->top);
    }
}

static void stop_compressing(LogRotation *rotation) {
    Error ignored;
    if (rotation->source.fd < 0)
        return;
    loop_watch(rotation->loop, &rotation->source, 0);
    close(rotation->source.fd);
    close(rotation->compressing);
    rotation->source.fd = rotation->compressing = -1;
    file_remove(AT_FDCWD, rotation->temporary, &ignored); /* it may go on writing: into nothing */
}

static int spawn(LogRotation *rotation, const char *name, Error *err) {
    ProcessSpawn spawn = PROCESS_SPAWN_INIT;
    autofree char *program = NULL;
    autoclose int in = -1, out = -1, ready = -1, reader = -1;
    int ends[2];
    pid_t ignored; /* reaped with all the others */
    TRY(process_find_program("tare-compress", &program, err));
    TRY(file_open(AT_FDCWD, name, O_RDONLY | O_NOFOLLOW, 0, &in, err));
    TRY(file_remove(AT_FDCWD, rotation->temporary, err));
    TRY(file_open(
        AT_FDCWD, rotation->temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0640, &out, err));
    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_set_errno(err, errno, "cannot make a pipe");
    reader = ends[0];
    ready = ends[1];
    const char *const argv[] = {program, output_driver_name(rotation->settings.driver), NULL};
    spawn.argv = argv;
    spawn.fds[0] = in;
    spawn.fds[1] = out;
    spawn.fds[2] = STDERR_FILENO;
    spawn.more_fds = &ready;
    spawn.more_fds_n = 1;
    TRY(process_spawn(&spawn, &ignored, err));
    rotation->source.fd = take_fd(&reader);
    rotation->compressing = take_fd(&in);
    loop_watch(rotation->loop, &rotation->source, EPOLLIN);
    return 0;
}

/* The newest file that can be. */
static void compress_next(LogRotation *rotation) {
    Error err = {};
    struct stat status;
    if (!rotation->settings.compress || !rotation->loop || rotation->source.fd >= 0)
        return;
    for (int index = 1; index <= rotation->top; index++) {
        autofree char *name = name_of(rotation, index, "");
        if (!stat_index(rotation, index, "", &status) || is_read(rotation, index, ""))
            continue;
        if (spawn(rotation, name, &err) < 0)
            log_failure(LOG_LEVEL_WARNING, &err);
        return;
    }
}

/* The compressed file is durable; the plain one goes when the other has its name. */
static void put_into_place(LogRotation *rotation) {
    struct stat status, own;
    Error ignored;
    if (fstat(rotation->compressing, &own) < 0)
        return;
    for (int index = 1; index <= rotation->top; index++) {
        if (!stat_index(rotation, index, "", &status) || status.st_ino != own.st_ino)
            continue;
        autofree char *plain = name_of(rotation, index, "");
        autofree char *compressed = name_of(rotation, index, ".gz");
        autoclose int fd = -1;
        if (keep_readers_out(rotation, index, "", &fd) &&
            rename(rotation->temporary, compressed) == 0)
            file_remove(AT_FDCWD, plain, &ignored);
        return;
    }
}

static void on_compressed(void *owner, uint32_t events) {
    LogRotation *rotation = owner;
    char done;
    bool good = read(rotation->source.fd, &done, 1) == 1;
    if (good)
        put_into_place(rotation);
    stop_compressing(rotation);
    if (good)
        compress_next(rotation);
}

/* A hole, which a rotation that was broken off leaves, moves up with the others. */
void log_rotation_shift(LogRotation *rotation) {
    for (int index = rotation->top; index >= 0; index--)
        for (size_t i = 0; i < (index ? array_size(suffixes) : 1); i++) {
            autofree char *from = name_of(rotation, index, suffixes[i]);
            autofree char *to = name_of(rotation, index + 1, suffixes[i]);
            rename(from, to);
        }
    rotation->top++;
    remove_expired(rotation);
    compress_next(rotation);
}

/* Of a shim that was killed: the plain file is whole in any case. */
static void remove_halves(const LogRotation *rotation) {
    Error ignored;
    struct stat status;
    file_remove(AT_FDCWD, rotation->temporary, &ignored);
    for (int index = 1; index <= rotation->top; index++) {
        autofree char *compressed = name_of(rotation, index, ".gz");
        if (stat_index(rotation, index, "", &status))
            file_remove(AT_FDCWD, compressed, &ignored);
    }
}

LogRotation *log_rotation_new(const char *path, const OutputSettings *settings, Loop *loop) {
    LogRotation *rotation = new (LogRotation);
    *rotation = (LogRotation){.path = text_copy(path),
        .temporary = text_format("%s.compressing", path),
        .settings = *settings,
        .loop = loop,
        .compressing = -1,
        .source = {.fd = -1, .handle = on_compressed, .owner = rotation}};
    find_top(rotation);
    remove_halves(rotation);
    return rotation;
}

void log_rotation_free(LogRotation *rotation) {
    if (!rotation)
        return;
    stop_compressing(rotation);
    free(rotation->path);
    free(rotation->temporary);
    free(rotation);
}
