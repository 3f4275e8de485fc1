// SPDX-License-Identifier: Apache-2.0
#include "engine/layer/tarball.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/path.h"
#include "base/text.h"
#include "engine/layer/attributes.h"

static const char whiteout[] = ".wh.";
static const char whiteout_opaque[] = ".wh..wh..opq";

enum {
    BLOCK = 1 << 18
};

struct Tarball {
    Sink *sink;
    bool layer;
    struct archive *archive;
    struct archive_entry *entry;
    Links links;
    char *block;
    struct stat last; /* what the last entry was made of */
    uint64_t entries;
    Error sink_error; /* why libarchive could not write on */
};

static la_ssize_t write_sink(struct archive *archive, void *user, const void *data, size_t n) {
    Tarball *tarball = user;
    return sink_add(tarball->sink, data, n, &tarball->sink_error) < 0 ? -1 : (la_ssize_t)n;
}

/* What the sink said comes before what libarchive makes of it. */
static int check(Tarball *tarball, int result, const char *path, Error *err) {
    if (result == ARCHIVE_OK || result == ARCHIVE_WARN)
        return 0;
    if (tarball->sink_error.code < 0) {
        *err = tarball->sink_error;
        return err->code;
    }
    const char *text = archive_error_string(tarball->archive);
    return error_set(
        err, ERROR_INTERNAL, "cannot write '/%s' to a tar: %s", path, text ? text : "?");
}

int tarball_open(Sink *sink, bool layer, Tarball **ret, Error *err) {
    autoptr(Tarball) tarball = new (Tarball);
    tarball->sink = sink;
    tarball->layer = layer;
    tarball->block = memory_new(BLOCK);
    tarball->archive = archive_write_new();
    tarball->entry = archive_entry_new();
    archive_write_set_format_pax(tarball->archive);
    archive_write_set_format_option(tarball->archive, "pax", "xattrheader", "SCHILY");
    archive_write_set_bytes_per_block(tarball->archive, 0);
    TRY(check(
        tarball, archive_write_open(tarball->archive, tarball, NULL, write_sink, NULL), "", err));
    *ret = take_ptr(&tarball);
    return 0;
}

void tarball_close(Tarball *tarball) {
    if (!tarball)
        return;
    archive_entry_free(tarball->entry);
    archive_write_free(tarball->archive);
    links_done(&tarball->links);
    free(tarball->block);
    free(tarball);
}

static int write_header(Tarball *tarball, const char *path, Error *err) {
    tarball->entries++;
    return check(tarball, archive_write_header(tarball->archive, tarball->entry), path, err);
}

static int write_mark(Tarball *tarball, const char *path, Error *err) {
    struct archive_entry *entry = archive_entry_clear(tarball->entry);
    archive_entry_set_pathname(entry, path);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_size(entry, 0);
    archive_entry_set_mtime(entry, 0, 0);
    return write_header(tarball, path, err);
}

static int write_whiteout(Tarball *tarball, const char *path, Error *err) {
    if (!tarball->layer)
        return 0;
    const char *name = path_name(path);
    autofree char *mark = text_format("%.*s%s%s", (int)(name - path), path, whiteout, name);
    return write_mark(tarball, mark, err);
}

static int write_opaque(Tarball *tarball, const char *path, Error *err) {
    autofree char *mark = text_format("%s%s%s", path, *path ? "/" : "", whiteout_opaque);
    return tarball->layer ? write_mark(tarball, mark, err) : 0;
}

static void describe(Tarball *tarball, const Change *change, const struct stat *status) {
    struct archive_entry *entry = archive_entry_clear(tarball->entry);
    tarball->last = *status;
    archive_entry_set_pathname(entry, *change->path ? change->path : "./");
    archive_entry_set_mode(entry, status->st_mode);
    archive_entry_set_uid(entry, status->st_uid);
    archive_entry_set_gid(entry, status->st_gid);
    archive_entry_set_mtime(entry, status->st_mtim.tv_sec, status->st_mtim.tv_nsec);
    archive_entry_set_size(entry, S_ISREG(status->st_mode) ? status->st_size : 0);
    if (S_ISCHR(status->st_mode) || S_ISBLK(status->st_mode)) {
        archive_entry_set_rdevmajor(entry, major(status->st_rdev));
        archive_entry_set_rdevminor(entry, minor(status->st_rdev));
    }
}

static int describe_attributes(Tarball *tarball, int fd, mode_t type, Error *err) {
    autodone(Attributes) attributes = {};
    TRY(attributes_read(fd, type, &attributes, err));
    for (size_t i = 0; i < attributes.n; i++)
        archive_entry_xattr_add_entry(tarball->entry, attributes.item[i].name,
            attributes.item[i].value, attributes.item[i].size);
    return 0;
}

/* The size is said before the content comes: what a writer cuts off meanwhile is zeros, what it
 * adds is left. Holes are zeros, too: the image spec wants no sparse files. */
static int write_content(Tarball *tarball, const Change *change, int fd, off_t size, Error *err) {
    while (size > 0) {
        size_t wanted = size < BLOCK ? (size_t)size : BLOCK;
        ssize_t n = read(fd, tarball->block, wanted);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_set_errno(err, errno, "cannot read '/%s'", change->path);
        if (n == 0)
            break;
        if (archive_write_data(tarball->archive, tarball->block, (size_t)n) < 0)
            return check(tarball, ARCHIVE_FATAL, change->path, err);
        size -= n;
    }
    return check(tarball, archive_write_finish_entry(tarball->archive), change->path, err);
}

/* 0: it is gone, or another kind of thing by now. */
static int open_again(
    const Change *change, int flags, int *ret_fd, struct stat *ret_status, Error *err) {
    autoclose int fd =
        openat(change->dir, change->name, flags | O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && (errno == ENOENT || errno == ELOOP || errno == ENOTDIR || errno == ENXIO))
        return 0;
    if (fd < 0 || fstat(fd, ret_status) < 0)
        return error_set_errno(err, errno, "cannot open '/%s'", change->path);
    if ((ret_status->st_mode & S_IFMT) != (change->status->st_mode & S_IFMT))
        return 0;
    *ret_fd = take_fd(&fd);
    return 1;
}

/* overlayfs keeps content and metadata apart with metacopy: the content is in another layer. */
static int check_whole(int fd, const char *path, Error *err) {
    if (fgetxattr(fd, "trusted.overlay.metacopy", NULL, 0) >= 0)
        return error_set(err, ERROR_UNSUPPORTED,
            "'/%s' has its content in another layer (overlayfs' metacopy)", path);
    return 0;
}

static int add_opened(Tarball *tarball, const Change *change, Error *err) {
    bool directory = S_ISDIR(change->status->st_mode);
    struct stat status;
    autoclose int fd = -1;
    int there = open_again(change, directory ? O_DIRECTORY : 0, &fd, &status, err);
    if (there <= 0)
        return there;
    if (!directory)
        TRY(check_whole(fd, change->path, err));
    describe(tarball, change, &status);
    TRY(describe_attributes(tarball, fd, status.st_mode, err));
    TRY(write_header(tarball, change->path, err));
    return directory ? 0 : write_content(tarball, change, fd, status.st_size, err);
}

static int add_symlink(Tarball *tarball, const Change *change, Error *err) {
    char target[PATH_MAX];
    ssize_t n = readlinkat(change->dir, change->name, target, sizeof(target) - 1);
    if (n < 0)
        return errno == ENOENT || errno == EINVAL
                   ? 0
                   : error_set_errno(err, errno, "cannot read link '/%s'", change->path);
    target[n] = '\0';
    describe(tarball, change, change->status);
    archive_entry_set_symlink(tarball->entry, target);
    return write_header(tarball, change->path, err);
}

static int add_node(Tarball *tarball, const Change *change, Error *err) {
    switch (change->status->st_mode & S_IFMT) {
    case S_IFREG:
    case S_IFDIR:
        return add_opened(tarball, change, err);
    case S_IFLNK:
        return add_symlink(tarball, change, err);
    case S_IFSOCK: /* lives as long as who listens; but what had the name is gone */
        return change->kind == CHANGE_MODIFIED ? write_whiteout(tarball, change->path, err) : 0;
    default:
        describe(tarball, change, change->status);
        return write_header(tarball, change->path, err);
    }
}

static int check_name(const Tarball *tarball, const Change *change, Error *err) {
    if (tarball->layer && text_starts(change->name, whiteout))
        return error_set(err, ERROR_STATE,
            "'/%s' cannot be in a layer: a name that begins with .wh. stands for a removal there",
            change->path);
    return 0;
}

/* The first name has the content; others link to it, if it was still there to be written. */
static int add_linked(Tarball *tarball, const Change *change, Error *err) {
    const char *first = links_find(&tarball->links, change->status);
    uint64_t before = tarball->entries;
    if (!first) {
        TRY(add_node(tarball, change, err));
        return tarball->entries > before
                   ? links_add(&tarball->links, &tarball->last, change->path, err)
                   : 0;
    }
    describe(tarball, change, change->status);
    archive_entry_set_size(tarball->entry, 0);
    archive_entry_set_hardlink(tarball->entry, first);
    return write_header(tarball, change->path, err);
}

int tarball_add(Tarball *tarball, const Change *change, Error *err) {
    if (change->kind == CHANGE_DELETED)
        return write_whiteout(tarball, change->path, err);
    if (change->kind == CHANGE_HIDDEN)
        return write_opaque(tarball, change->path, err);
    TRY(check_name(tarball, change, err));
    const struct stat *status = change->status;
    bool linked = status->st_nlink > 1 && !S_ISDIR(status->st_mode) && !S_ISSOCK(status->st_mode);
    return linked ? add_linked(tarball, change, err) : add_node(tarball, change, err);
}

int tarball_finish(Tarball *tarball, Error *err) {
    return check(tarball, archive_write_close(tarball->archive), "", err);
}

uint64_t tarball_entries(const Tarball *tarball) {
    return tarball->entries;
}
