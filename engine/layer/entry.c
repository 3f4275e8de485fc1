// SPDX-License-Identifier: Apache-2.0
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/path.h"
#include "base/text.h"
#include "engine/layer/attributes.h"
#include "engine/layer/extract.h"

/* One entry of a layer, by the rules of the OCI image spec ("layer.md"). Nothing is followed, and
 * nothing is opened that this entry did not make itself a moment before. */

static const char whiteout[] = ".wh.";
static const char whiteout_opaque[] = ".wh..wh..opq";
static const char whiteout_meta[] = ".wh..wh."; /* what AUFS kept for itself */

/* The entry in the words of the calls that make it. */
typedef struct Node {
    const char *path; /* clean, relative; "" is the root */
    int parent;
    const char *name;
    mode_t mode; /* with type */
    uid_t uid;
    gid_t gid;
    struct timespec times[2];
} Node;

static int fail(const Node *node, const char *act, Error *err) {
    return error_set_errno(err, errno, "cannot %s '/%s'", act, node->path);
}

static int check_id(int64_t id, const char *path, Error *err) {
    if (id < 0 || id >= UINT32_MAX)
        return error_set(err, ERROR_CORRUPT, "'/%s' has an owner out of range", path);
    return 0;
}

static int fill_node(Node *node, struct archive_entry *entry, Error *err) {
    TRY(check_id(archive_entry_uid(entry), node->path, err));
    TRY(check_id(archive_entry_gid(entry), node->path, err));
    node->mode = archive_entry_filetype(entry) | (archive_entry_mode(entry) & 07777);
    node->uid = (uid_t)archive_entry_uid(entry);
    node->gid = (gid_t)archive_entry_gid(entry);
    node->times[1] = (struct timespec){archive_entry_mtime(entry), archive_entry_mtime_nsec(entry)};
    node->times[0] = node->times[1];
    if (archive_entry_atime_is_set(entry))
        node->times[0] =
            (struct timespec){archive_entry_atime(entry), archive_entry_atime_nsec(entry)};
    return 0;
}

static int own(const Node *node, int fd, Error *err) {
    /* We are root and no directory passes its group on before the end: 0:0 is so already. */
    if ((node->uid != 0 || node->gid != 0) && fchown(fd, node->uid, node->gid) < 0)
        return fail(node, "set the owner of", err);
    return 0;
}

/* overlayfs' attributes would let a layer redirect into another layer's files. */
static int check_attribute(const Node *node, const char *name, Error *err) {
    if (attribute_is_overlays(name))
        return error_set(
            err, ERROR_CORRUPT, "'/%s' has the forbidden attribute %.100s", node->path, name);
    return 0;
}

static int set_attributes(const Node *node, int fd, struct archive_entry *entry, Error *err) {
    const char *name;
    const void *value;
    size_t n;
    archive_entry_xattr_reset(entry);
    while (archive_entry_xattr_next(entry, &name, &value, &n) == ARCHIVE_OK) {
        if (!name)
            continue;
        TRY(check_attribute(node, name, err));
        if (fd >= 0 && attribute_is_carried(name, node->mode) &&
            fsetxattr(fd, name, value, n, 0) < 0 && errno != ENOTSUP)
            return fail(node, "set an extended attribute of", err);
    }
    return 0;
}

static int write_block(
    const Node *node, int fd, const char *data, size_t n, off_t offset, Error *err) {
    while (n > 0) {
        ssize_t done = pwrite(fd, data, n, offset);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return fail(node, "write", err);
        data += done;
        n -= (size_t)done;
        offset += done;
    }
    return 0;
}

static int read_failed(struct archive *archive, const Node *node, Error *err) {
    const char *text = archive_error_string(archive);
    return error_set(err, ERROR_CORRUPT, "cannot read '/%s' from the layer: %s", node->path,
        text ? text : "damaged");
}

/* Holes are not written; the last one is made by the size. */
static int write_content(
    const Node *node, int fd, struct archive *archive, int64_t size, Error *err) {
    int64_t end = 0;
    for (;;) {
        const void *data;
        size_t n;
        la_int64_t offset;
        int result = archive_read_data_block(archive, &data, &n, &offset);
        if (result == ARCHIVE_EOF)
            break;
        if (result != ARCHIVE_OK)
            return read_failed(archive, node, err);
        TRY(write_block(node, fd, data, n, offset, err));
        if (n > 0)
            end = offset + (int64_t)n;
    }
    if (end < size && ftruncate(fd, size) < 0)
        return fail(node, "write", err);
    return 0;
}

/* Makes room once when the name is taken. */
static int create_file(const Node *node, int *ret_fd, Error *err) {
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    mode_t mode = node->mode & 0777;
    int fd = openat(node->parent, node->name, flags, mode);
    if (fd < 0 && errno == EEXIST) {
        TRY(tree_clear(node->parent, node->name, err));
        fd = openat(node->parent, node->name, flags, mode);
    }
    if (fd < 0)
        return fail(node, "make", err);
    *ret_fd = fd;
    return 0;
}

static int extract_file(Extraction *extraction, Node *node, struct archive *archive,
    struct archive_entry *entry, Error *err) {
    autoclose int fd = -1;
    int64_t size = archive_entry_size(entry);
    if (size < 0)
        return error_set(err, ERROR_CORRUPT, "'/%s' has a negative size", node->path);
    if (size > EXTRACT_FILE_MAX)
        return error_set(err, ERROR_EXHAUSTED, "'/%s' has more than %" PRId64 " bytes", node->path,
            EXTRACT_FILE_MAX);
    TRY(create_file(node, &fd, err));
    TRY(write_content(node, fd, archive, size, err));
    TRY(own(node, fd, err));
    TRY(set_attributes(node, fd, entry, err));
    /* after the owner: chown(2) takes these bits away */
    if ((node->mode & 07000) && fchmod(fd, node->mode & 07777) < 0)
        return fail(node, "set the mode of", err);
    if (futimens(fd, node->times) < 0)
        return fail(node, "set the times of", err);
    extraction->bytes += (uint64_t)size;
    return 0;
}

static int make_special(const Node *node, struct archive_entry *entry) {
    if (S_ISLNK(node->mode))
        return symlinkat(archive_entry_symlink(entry), node->parent, node->name);
    dev_t device = S_ISFIFO(node->mode)
                       ? 0
                       : makedev(archive_entry_rdevmajor(entry), archive_entry_rdevminor(entry));
    return mknodat(node->parent, node->name, node->mode, device);
}

/* Symlinks, devices and FIFOs. */
static int extract_special(Extraction *extraction, Node *node, struct archive *archive,
    struct archive_entry *entry, Error *err) {
    TRY(set_attributes(node, -1, entry, err));
    if (extraction->plain && !S_ISLNK(node->mode))
        return error_set(err, ERROR_CORRUPT, "'/%s' is not a plain file", node->path);
    if (S_ISLNK(node->mode) && text_is_empty(archive_entry_symlink(entry)))
        return error_set(err, ERROR_CORRUPT, "'/%s' is a link to nowhere", node->path);
    int result = make_special(node, entry);
    if (result < 0 && errno == EEXIST) {
        TRY(tree_clear(node->parent, node->name, err));
        result = make_special(node, entry);
    }
    if (result < 0)
        return fail(node, "make", err);
    if ((node->uid != 0 || node->gid != 0) &&
        fchownat(node->parent, node->name, node->uid, node->gid, AT_SYMLINK_NOFOLLOW) < 0)
        return fail(node, "set the owner of", err);
    if (utimensat(node->parent, node->name, node->times, AT_SYMLINK_NOFOLLOW) < 0)
        return fail(node, "set the times of", err);
    return 0;
}

/* *ret_hides: it takes the place of a whiteout, so what layers below have in it stays hidden. */
static int make_directory(const Node *node, bool *ret_hides, Error *err) {
    *ret_hides = false;
    if (mkdirat(node->parent, node->name, node->mode & 0777) == 0)
        return 0;
    struct stat status;
    if (errno != EEXIST || fstatat(node->parent, node->name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return fail(node, "make directory", err);
    if (S_ISDIR(status.st_mode))
        return 0;
    *ret_hides = tree_is_whiteout(&status);
    if (unlinkat(node->parent, node->name, 0) < 0 ||
        mkdirat(node->parent, node->name, node->mode & 0777) < 0)
        return fail(node, "make directory", err);
    return 0;
}

static int remember_directory(Extraction *extraction, const Node *node, Error *err) {
    ExtractedDirectory directory = {
        .path = text_copy(node->path),
        .mode = node->mode & 07777,
        .times = {node->times[0], node->times[1]},
    };
    extraction->remembered += sizeof(directory) + strlen(node->path);
    array_append(extraction->directory, extraction->directories, directory);
    if (extraction->remembered > EXTRACT_REMEMBER_MAX)
        return error_set(err, ERROR_EXHAUSTED, "the layer has too many directories");
    return 0;
}

static int extract_directory(Extraction *extraction, Node *node, struct archive *archive,
    struct archive_entry *entry, Error *err) {
    bool hides = false;
    autoclose int fd = -1;
    if (*node->path)
        TRY(make_directory(node, &hides, err));
    else
        extraction->root_listed = true;
    fd = openat(node->parent, node->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return fail(node, "open", err);
    if (hides)
        TRY(tree_remember(&extraction->tree, &extraction->tree.opaque, node->path, err));
    TRY(own(node, fd, err));
    TRY(set_attributes(node, fd, entry, err));
    return remember_directory(extraction, node, err);
}

/* The target was made by this layer; owner and mode are the target's own. */
static int extract_hard_link(
    Extraction *extraction, const Node *node, const char *target, Error *err) {
    autofree char *absolute = text_format("/%s", target);
    autofree char *clean = path_clean(absolute);
    autoclose int parent = -1;
    const char *name;
    int code = tree_find(&extraction->tree, clean + 1, &parent, &name, err);
    if (code == 0 && !*name)
        return error_set(err, ERROR_CORRUPT, "'/%s' is a hard link to a directory", node->path);
    int result = code < 0 ? -1 : linkat(parent, name, node->parent, node->name, 0);
    if (code == 0 && result < 0 && errno == EEXIST) {
        struct stat a, b;
        if (fstatat(parent, name, &a, AT_SYMLINK_NOFOLLOW) == 0 &&
            fstatat(node->parent, node->name, &b, AT_SYMLINK_NOFOLLOW) == 0 && a.st_ino == b.st_ino)
            return 0;
        TRY(tree_clear(node->parent, node->name, err));
        result = linkat(parent, name, node->parent, node->name, 0);
    }
    if (code == ERROR_NOT_FOUND || (code == 0 && result < 0 && errno == ENOENT))
        return error_set(err, ERROR_CORRUPT,
            "'/%s' is a hard link to '%s', which is not in the"
            " layer",
            node->path, clean);
    TRY(code);
    return result < 0 ? fail(node, "make hard link", err) : 0;
}

/* ".wh.NAME" hides NAME of the layers below; what this layer itself has there is visible. */
static int extract_whiteout(Extraction *extraction, const Node *node, Error *err) {
    const char *hidden = node->name + sizeof(whiteout) - 1;
    struct stat status;
    if (!*hidden || strcmp(hidden, ".") == 0 || strcmp(hidden, "..") == 0)
        return error_set(err, ERROR_CORRUPT, "invalid whiteout '/%s'", node->path);
    if (mknodat(node->parent, hidden, S_IFCHR, 0) == 0)
        return 0;
    if (errno != EEXIST || fstatat(node->parent, hidden, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return fail(node, "make whiteout", err);
    if (!S_ISDIR(status.st_mode))
        return 0;
    size_t length = (size_t)(node->name - node->path);
    autofree char *directory = text_format("%.*s%s", (int)length, node->path, hidden);
    return tree_remember(&extraction->tree, &extraction->tree.opaque, directory, err);
}

static int extract_opaque(Extraction *extraction, const Node *node, Error *err) {
    size_t length = (size_t)(node->name - node->path);
    autofree char *directory = text_copy_n(node->path, length ? length - 1 : 0);
    return tree_remember(&extraction->tree, &extraction->tree.opaque, directory, err);
}

static bool is_meta(const char *path) {
    const char *at = path;
    for (;; at++) {
        if (text_starts(at, whiteout_meta) && !text_equal(at, whiteout_opaque))
            return true;
        at = strchr(at, '/');
        if (!at)
            return false;
    }
}

/* The root is an entry only as the directory that it is. */
static int enter(Extraction *extraction, Node *node, Error *err) {
    if (*node->path)
        return tree_enter(&extraction->tree, node->path, &node->parent, &node->name, err);
    if (!S_ISDIR(node->mode))
        return error_set(err, ERROR_CORRUPT, "the layer replaces the root directory");
    node->parent = extraction->tree.root;
    node->name = ".";
    return 0;
}

static int dispatch(Extraction *extraction, Node *node, struct archive *archive,
    struct archive_entry *entry, Error *err) {
    const char *target = archive_entry_hardlink(entry);
    TRY(enter(extraction, node, err));
    if (!extraction->plain && text_equal(node->name, whiteout_opaque))
        return extract_opaque(extraction, node, err);
    if (!extraction->plain && text_starts(node->name, whiteout))
        return extract_whiteout(extraction, node, err);
    if (target)
        return extract_hard_link(extraction, node, target, err);
    extraction->inodes++;
    switch (node->mode & S_IFMT) {
    case S_IFREG:
        return extract_file(extraction, node, archive, entry, err);
    case S_IFDIR:
        return extract_directory(extraction, node, archive, entry, err);
    case S_IFLNK:
    case S_IFCHR:
    case S_IFBLK:
    case S_IFIFO:
        return extract_special(extraction, node, archive, entry, err);
    default:
        return error_set(err, ERROR_CORRUPT, "'/%s' is of an unknown type", node->path);
    }
}

int extract_entry(
    Extraction *extraction, struct archive *archive, struct archive_entry *entry, Error *err) {
    const char *path = archive_entry_pathname(entry);
    if (text_is_empty(path))
        return error_set(err, ERROR_CORRUPT, "the layer has an entry without a name");
    if (strlen(path) >= PATH_MAX)
        return error_set(err, ERROR_CORRUPT, "'%.60s…' is too long for a path", path);
    /* As from "/": ".." at the top stays at the top. */
    autofree char *absolute = text_format("/%s", path);
    autofree char *clean = path_clean(absolute);
    Node node = {.path = clean + 1};
    if (!extraction->plain && is_meta(node.path))
        return 0;
    if (archive_entry_hardlink(entry))
        archive_entry_set_filetype(entry, S_IFREG);
    TRY(fill_node(&node, entry, err));
    return dispatch(extraction, &node, archive, entry, err);
}
