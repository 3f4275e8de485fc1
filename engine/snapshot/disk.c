// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/snapshot/private.h"
#include "engine/snapshot/quota.h"

/* A directory of a driver, as it was when we looked. */
typedef struct Piece {
    const Snapshotter *snapshotter;
    uint64_t number;
    uint64_t disk; /* 0: to be walked */
    enum {
        PIECE_LAYER,
        PIECE_CONTAINER,
        PIECE_CLIENT
    } kind;
} Piece;

typedef struct Pieces {
    Piece *item;
    size_t n;
} Pieces;

static Piece piece_of(const SnapshotRecord *record) {
    bool client = strchr(snapshot_bare_key(record->key), '/');
    return (Piece){
        .snapshotter = record->snapshotter,
        .number = record->number.value,
        .disk = record->disk.value,
        .kind = client                   ? PIECE_CLIENT
                : record->writable.value ? PIECE_CONTAINER
                                         : PIECE_LAYER,
    };
}

static int walk(const Snapshotter *snapshotter, uint64_t number, uint64_t *ret, Error *err) {
    char name[24];
    TRY(snapshotter_check(snapshotter, err));
    snprintf(name, sizeof(name), "%" PRIu64, number);
    return file_usage(snapshotter->dir, name, ret, err);
}

int snapshot_disk(Snapshots *snapshots, const char *given, uint64_t *ret, Error *err) {
    pthread_mutex_lock(&snapshots->mutex);
    autofree char *key = snapshot_key(snapshots, given);
    const SnapshotRecord *record = snapshot_find(snapshots, key);
    const Piece piece = record ? piece_of(record) : (Piece){};
    pthread_mutex_unlock(&snapshots->mutex);
    if (piece.number == 0)
        return error_set(err, ERROR_NOT_FOUND, "no such snapshot: %s", given);
    *ret = piece.disk;
    return piece.disk > 0 ? 0 : walk(piece.snapshotter, piece.number, ret, err);
}

/* The driver's way, or the file system's. */
int snapshot_limit(Snapshots *snapshots, const char *given, uint64_t bytes, Error *err) {
    pthread_mutex_lock(&snapshots->mutex);
    autofree char *key = snapshot_key(snapshots, given);
    const SnapshotRecord *record = snapshot_find(snapshots, key);
    const Piece piece = record ? piece_of(record) : (Piece){};
    pthread_mutex_unlock(&snapshots->mutex);
    if (piece.number == 0)
        return error_set(err, ERROR_NOT_FOUND, "no such snapshot: %s", given);
    const SnapshotStack stack = snapshotter_stack(piece.snapshotter, &piece.number, 1);
    TRY(snapshotter_check(piece.snapshotter, err));
    if (piece.snapshotter->driver->limit)
        return piece.snapshotter->driver->limit(&stack, bytes, err);
    autoclose int directory = -1;
    char name[24];
    snprintf(name, sizeof(name), "%" PRIu64, piece.number);
    TRY(file_open(stack.dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, &directory, err));
    return quota_set(directory, piece.number, bytes, err);
}

static int count_piece(const Piece *piece, SnapshotDisk *ret, Error *err) {
    uint64_t bytes = piece->disk;
    if (bytes == 0 && piece->snapshotter->dir >= 0)
        TRY(walk(piece->snapshotter, piece->number, &bytes, err));
    *(piece->kind == PIECE_CLIENT    ? &ret->clients
        : piece->kind == PIECE_LAYER ? &ret->layers
                                     : &ret->containers) += bytes;
    return 0;
}

static bool is_known(const Pieces *pieces, const Snapshotter *snapshotter, const char *name) {
    for (size_t i = 0; i < pieces->n; i++) {
        char number[24];
        snprintf(number, sizeof(number), "%" PRIu64, pieces->item[i].number);
        if (pieces->item[i].snapshotter == snapshotter && strcmp(number, name) == 0)
            return true;
    }
    return false;
}

/* Directories without a record, and the driver's own. */
static int count_rest(
    const Pieces *pieces, const Snapshotter *snapshotter, uint64_t *total, Error *err) {
    struct stat status;
    int fd = openat(snapshotter->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);
    if (!stream || fstat(fd, &status) < 0)
        return error_set_errno(err, errno, "cannot list '%s'", snapshotter->path);
    *total += (uint64_t)status.st_blocks * 512;
    const struct dirent *entry;
    int code = 0;
    while (code == 0 && (entry = readdir(stream))) {
        uint64_t bytes = 0;
        if (entry->d_name[0] != '.' && !is_known(pieces, snapshotter, entry->d_name))
            code = file_usage(fd, entry->d_name, &bytes, err);
        *total += bytes;
    }
    closedir(stream);
    return code;
}

static Pieces list(Snapshots *snapshots) {
    Pieces pieces = {};
    pthread_mutex_lock(&snapshots->mutex);
    for (size_t i = 0; i < snapshots->n; i++) {
        const Piece piece = piece_of(snapshots->record[i]);
        array_append(pieces.item, pieces.n, piece);
    }
    pthread_mutex_unlock(&snapshots->mutex);
    return pieces;
}

int snapshots_disk(Snapshots *snapshots, SnapshotDisk *ret, Error *err) {
    SnapshotDisk disk = {};
    struct stat status;
    if (fstatat(snapshots->own->dir, "..", &status, 0) < 0)
        return error_set_errno(err, errno, "cannot read the directory of snapshots");
    disk.other = (uint64_t)status.st_blocks * 512;
    Pieces pieces = list(snapshots);
    int code = 0;
    for (size_t i = 0; i < pieces.n && code == 0; i++)
        code = count_piece(&pieces.item[i], &disk, err);
    for (size_t i = 0; i < SNAPSHOT_DRIVERS && code == 0; i++)
        if (snapshots->snapshotter[i].dir >= 0)
            code = count_rest(&pieces, &snapshots->snapshotter[i], &disk.other, err);
    free(pieces.item);
    TRY(code);
    *ret = disk;
    return 0;
}
