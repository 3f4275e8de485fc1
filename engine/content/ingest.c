// SPDX-License-Identifier: Apache-2.0
#include "engine/content/ingest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "engine/content/layout.h"

struct Ingest {
    Content *content;
    char *name;
    int fd;
    uint64_t offset;
    Digest *hash; /* of the bytes before offset */
};

/* With the mutex held. */
static bool is_claimed(const Content *content, const char *name) {
    bool claimed = false;
    for (size_t i = 0; !claimed && i < content->writing.n; i++)
        claimed = text_equal(content->writing.item[i], name);
    return claimed;
}

static bool claim(Content *content, const char *name) {
    pthread_mutex_lock(&content->mutex);
    bool unclaimed = !is_claimed(content, name);
    if (unclaimed)
        json_texts_add(&content->writing, name);
    pthread_mutex_unlock(&content->mutex);
    return unclaimed;
}

int ingest_open(Content *content, const char *name, Ingest **ret, Error *err) {
    if (!claim(content, name))
        return error_set(err, ERROR_UNAVAILABLE, "locked: unavailable");
    autoptr(Ingest) ingest = new (Ingest);
    *ingest = (Ingest){.content = content, .name = text_copy(name), .hash = digest_new()};
    ingest->fd = openat(content->ingest, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (ingest->fd < 0)
        return error_set_errno(err, errno, "cannot store content");
    TRY(content_hash_file(ingest->fd, ingest->hash, &ingest->offset, err));
    *ret = take_ptr(&ingest);
    return 0;
}

void ingest_close(Ingest *ingest) {
    if (!ingest)
        return;
    if (ingest->fd >= 0)
        close(ingest->fd);
    digest_free(ingest->hash);
    content_release(ingest->content, ingest->name);
    free(ingest->name);
    free(ingest);
}

uint64_t ingest_offset(const Ingest *ingest) {
    return ingest->offset;
}

int ingest_write(Ingest *ingest, const void *data, size_t n, Error *err) {
    if (fd_write_all(ingest->fd, data, n, err) < 0) {
        /* some of it may be there: back to what the hash knows */
        if (ftruncate(ingest->fd, (off_t)ingest->offset) == 0)
            lseek(ingest->fd, (off_t)ingest->offset, SEEK_SET);
        return error_prefix(err, "cannot store content");
    }
    digest_update(ingest->hash, data, n);
    ingest->offset += n;
    return 0;
}

int ingest_restart(Ingest *ingest, Error *err) {
    if (ftruncate(ingest->fd, 0) < 0 || lseek(ingest->fd, 0, SEEK_SET) < 0)
        return error_set_errno(err, errno, "cannot store content");
    digest_free(ingest->hash);
    ingest->hash = digest_new();
    ingest->offset = 0;
    return 0;
}

void ingest_digest(const Ingest *ingest, char ret[DIGEST_TEXT_SIZE]) {
    autoptr(Digest) copy = digest_copy(ingest->hash);
    digest_finish(copy, ret);
}

void ingest_discard(Ingest *ingest) {
    unlinkat(ingest->content->ingest, ingest->name, 0);
}

int ingest_commit(Ingest *ingest, Error *err) {
    char digest[DIGEST_TEXT_SIZE];
    ingest_digest(ingest, digest);
    /* a power cut after the rename must not leave an empty file under a digest */
    if (fdatasync(ingest->fd) < 0 || renameat(ingest->content->ingest, ingest->name,
                                         ingest->content->blobs, digest_hex(digest)) < 0)
        return error_set_errno(err, errno, "cannot store %s", digest);
    return 0;
}

int ingest_status(Content *content, const char *name, IngestStatus *ret, Error *err) {
    struct stat status;
    if (fstatat(content->ingest, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return error_set_errno(err, errno, "cannot look at content being written");
    ret->offset = (uint64_t)status.st_size;
    ret->updated = status.st_mtim.tv_sec * TIME_SECOND + status.st_mtim.tv_nsec;
    return 0;
}

int ingest_remove(Content *content, const char *name, Error *err) {
    if (!claim(content, name))
        return error_set(err, ERROR_UNAVAILABLE, "locked: unavailable");
    bool failed = unlinkat(content->ingest, name, 0) < 0 && errno != ENOENT;
    int sys = errno;
    content_release(content, name);
    return failed ? error_set_errno(err, sys, "cannot remove content being written") : 0;
}

int ingest_sweep(Content *content, ContentKeep *keep, void *user, Error *err) {
    int fd = openat(content->ingest, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);
    if (!stream)
        return error_set_errno(err, errno, "cannot list content being written");
    const struct dirent *entry;
    pthread_mutex_lock(&content->mutex);
    while ((entry = readdir(stream)))
        if (text_starts(entry->d_name, "ref-") && !is_claimed(content, entry->d_name) &&
            !keep(user, entry->d_name))
            unlinkat(content->ingest, entry->d_name, 0);
    pthread_mutex_unlock(&content->mutex);
    closedir(stream);
    return 0;
}
