// SPDX-License-Identifier: Apache-2.0
#include "engine/content/content.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/path.h"
#include "engine/content/layout.h"

static int open_dir(const char *root, const char *name, int *ret_fd, Error *err) {
    autofree char *path = path_join(root, name);
    TRY(file_make_dirs(path, 0700, err));
    return file_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0, ret_fd, err);
}

int content_open(const char *root, Content **ret, Error *err) {
    autoptr(Content) content = new (Content);
    content->blobs = content->ingest = -1;
    pthread_mutex_init(&content->mutex, NULL);
    pthread_cond_init(&content->closed, NULL);
    TRY(open_dir(root, "content/blobs/sha256", &content->blobs, err));
    TRY(open_dir(root, "content/ingest", &content->ingest, err));
    *ret = take_ptr(&content);
    return 0;
}

void content_close(Content *content) {
    if (!content)
        return;
    if (content->blobs >= 0)
        close(content->blobs);
    if (content->ingest >= 0)
        close(content->ingest);
    json_texts_done(&content->writing);
    pthread_cond_destroy(&content->closed);
    pthread_mutex_destroy(&content->mutex);
    free(content);
}

bool content_has(Content *content, const char *digest) {
    struct stat status;
    return fstatat(content->blobs, digest_hex(digest), &status, AT_SYMLINK_NOFOLLOW) == 0;
}

int content_open_blob(
    Content *content, const char *digest, int *ret_fd, uint64_t *ret_size, Error *err) {
    autoclose int fd = openat(content->blobs, digest_hex(digest), O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return error_set(err, ERROR_NOT_FOUND, "no such blob: %s", digest);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) < 0)
        return error_set_errno(err, errno, "cannot open blob %s", digest);
    *ret_size = (uint64_t)status.st_size;
    *ret_fd = take_fd(&fd);
    return 0;
}

int content_read(Content *content, const char *digest, size_t limit, Text *ret, Error *err) {
    autoclose int fd = -1;
    uint64_t size;
    TRY(content_open_blob(content, digest, &fd, &size, err));
    autodone(Text) text = {};
    TRY(fd_read_all(fd, limit, &text, err));
    char actual[DIGEST_TEXT_SIZE];
    digest_of(text.data ? text.data : "", text.length, actual);
    if (!text_equal(actual, digest))
        return error_set(
            err, ERROR_CORRUPT, "blob %s is damaged: its content is %s", digest, actual);
    *ret = text;
    text = (Text){};
    return 0;
}

int content_put(Content *content, const void *data, size_t n, const char *digest, Error *err) {
    autoptr(ContentWriter) writer = NULL;
    int there = content_writer_open(content, digest, n, &writer, err);
    if (there != 0)
        return there < 0 ? there : 0;
    TRY(content_writer_restart(writer, err));
    TRY(content_writer_write(writer, data, n, err));
    return content_writer_commit(writer, err);
}

int content_adopt(Content *content, int fd, const char *digest, Error *err) {
    char path[FD_PATH_SIZE];
    if (fchown(fd, geteuid(), getegid()) < 0 || fchmod(fd, 0600) < 0 || fdatasync(fd) < 0)
        return error_set_errno(err, errno, "cannot store %s", digest);
    if (linkat(AT_FDCWD, fd_path(fd, path), content->blobs, digest_hex(digest), AT_SYMLINK_FOLLOW) <
            0 &&
        errno != EEXIST)
        return error_set_errno(err, errno, "cannot store %s", digest);
    return 0;
}

int content_remove(Content *content, const char *digest, Error *err) {
    if (unlinkat(content->blobs, digest_hex(digest), 0) < 0 && errno != ENOENT)
        return error_set_errno(err, errno, "cannot remove blob %s", digest);
    return 0;
}

/* Names in `dir` that are 64 hexadecimal digits, as digests. */
static int list_digests(int dir, JsonTexts *ret, Error *err) {
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);
    if (!stream)
        return error_set_errno(err, errno, "cannot list content");
    const struct dirent *entry;
    while ((entry = readdir(stream))) {
        autofree char *digest = text_format("sha256:%s", entry->d_name);
        Error ignored;
        if (digest_check(digest, &ignored) == 0)
            json_texts_add(ret, digest);
    }
    closedir(stream);
    return 0;
}

int content_list(Content *content, JsonTexts *ret, Error *err) {
    return list_digests(content->blobs, ret, err);
}

int content_sweep_ingest(Content *content, ContentKeep *keep, void *user, Error *err) {
    autodone(JsonTexts) digests = {};
    int code = list_digests(content->ingest, &digests, err);
    for (size_t i = 0; i < digests.n; i++)
        if (!keep(user, digests.item[i]))
            unlinkat(content->ingest, digest_hex(digests.item[i]), 0);
    return code;
}
