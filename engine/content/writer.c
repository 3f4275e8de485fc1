// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/memory.h"
#include "engine/content/content.h"
#include "engine/content/layout.h"

struct ContentWriter {
    Content *content;
    int fd;
    uint64_t offset, size;
    Digest *hash; /* of the bytes before offset */
    bool restarted;
    char digest[DIGEST_TEXT_SIZE];
};

/* What an earlier attempt left behind counts only as far as it is hashed again: nothing about it is
 * remembered elsewhere that could disagree. */
int content_hash_file(int fd, Digest *hash, uint64_t *ret_size, Error *err) {
    enum {
        CHUNK = 1 << 18
    };
    autofree char *buffer = memory_new(CHUNK);
    uint64_t size = 0;
    for (;;) {
        ssize_t n = read(fd, buffer, CHUNK);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_set_errno(err, errno, "cannot read what was stored before");
        if (n == 0)
            break;
        digest_update(hash, buffer, (size_t)n);
        size += (uint64_t)n;
    }
    *ret_size = size;
    return 0;
}

static int take_up(ContentWriter *writer, Error *err) {
    if (content_hash_file(writer->fd, writer->hash, &writer->offset, err) < 0)
        return error_prefix(err, "%s", writer->digest);
    return writer->offset > writer->size ? content_writer_restart(writer, err) : 0;
}

static size_t find_writing(const Content *content, const char *digest) {
    size_t i = 0;
    while (i < content->writing.n && !text_equal(content->writing.item[i], digest))
        i++;
    return i;
}

/* False: the blob is there. */
static bool claim(Content *content, const char *digest) {
    pthread_mutex_lock(&content->mutex);
    while (find_writing(content, digest) < content->writing.n)
        pthread_cond_wait(&content->closed, &content->mutex);
    bool wanted = !content_has(content, digest);
    if (wanted)
        json_texts_add(&content->writing, digest);
    pthread_mutex_unlock(&content->mutex);
    return wanted;
}

void content_release(Content *content, const char *digest) {
    JsonTexts *writing = &content->writing;
    pthread_mutex_lock(&content->mutex);
    size_t i = find_writing(content, digest);
    free(writing->item[i]);
    writing->item[i] = writing->item[--writing->n];
    pthread_cond_broadcast(&content->closed);
    pthread_mutex_unlock(&content->mutex);
}

int content_writer_open(
    Content *content, const char *digest, uint64_t size, ContentWriter **ret, Error *err) {
    if (!claim(content, digest))
        return 1;
    autoptr(ContentWriter) writer = new (ContentWriter);
    *writer = (ContentWriter){.content = content, .size = size, .hash = digest_new()};
    snprintf(writer->digest, sizeof(writer->digest), "%s", digest);
    writer->fd = openat(
        content->ingest, digest_hex(digest), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (writer->fd < 0)
        return error_set_errno(err, errno, "cannot store %s", digest);
    TRY(take_up(writer, err));
    *ret = take_ptr(&writer);
    return 0;
}

uint64_t content_writer_offset(const ContentWriter *writer) {
    return writer->offset;
}

uint64_t content_writer_size(const ContentWriter *writer) {
    return writer->size;
}

bool content_writer_restarted(const ContentWriter *writer) {
    return writer->restarted;
}

int content_writer_open_partial(const ContentWriter *writer, int *ret_fd, Error *err) {
    return file_open(
        writer->content->ingest, digest_hex(writer->digest), O_RDONLY | O_NOFOLLOW, 0, ret_fd, err);
}

const char *content_writer_digest(const ContentWriter *writer) {
    return writer->digest;
}

int content_writer_write(ContentWriter *writer, const void *data, size_t n, Error *err) {
    if (n > writer->size - writer->offset)
        return error_set(err, ERROR_CORRUPT, "%s is longer than the %" PRIu64 " bytes promised",
            writer->digest, writer->size);
    int code = fd_write_all(writer->fd, data, n, err);
    if (code < 0) {
        /* Some of it may be there: cut the file back to what the hash knows. */
        if (ftruncate(writer->fd, (off_t)writer->offset) == 0)
            lseek(writer->fd, (off_t)writer->offset, SEEK_SET);
        /* A full disk must not stay full, not even our records could be written. */
        if (code == ERROR_EXHAUSTED)
            unlinkat(writer->content->ingest, digest_hex(writer->digest), 0);
        return error_prefix(err, "cannot store %s", writer->digest);
    }
    digest_update(writer->hash, data, n);
    writer->offset += n;
    return 0;
}

int content_writer_restart(ContentWriter *writer, Error *err) {
    if (ftruncate(writer->fd, 0) < 0 || lseek(writer->fd, 0, SEEK_SET) < 0)
        return error_set_errno(err, errno, "cannot store %s", writer->digest);
    digest_free(writer->hash);
    writer->hash = digest_new();
    writer->restarted = writer->restarted || writer->offset > 0;
    writer->offset = 0;
    return 0;
}

static int verify(ContentWriter *writer, Error *err) {
    if (writer->offset != writer->size)
        return error_set(err, ERROR_CORRUPT, "%s has %" PRIu64 " bytes instead of %" PRIu64,
            writer->digest, writer->offset, writer->size);
    char actual[DIGEST_TEXT_SIZE];
    digest_finish(writer->hash, actual);
    if (!text_equal(actual, writer->digest))
        return error_set(err, ERROR_CORRUPT, "wrong digest: expected %s, the content is %s",
            writer->digest, actual);
    return 0;
}

int content_writer_commit(ContentWriter *writer, Error *err) {
    const char *name = digest_hex(writer->digest);
    int code = verify(writer, err);
    if (code < 0) {
        unlinkat(writer->content->ingest, name, 0);
        return code;
    }
    /* a power cut after the rename must not leave an empty file under a digest */
    if (fdatasync(writer->fd) < 0 ||
        renameat(writer->content->ingest, name, writer->content->blobs, name) < 0)
        return error_set_errno(err, errno, "cannot store %s", writer->digest);
    return 0;
}

void content_writer_close(ContentWriter *writer) {
    if (!writer)
        return;
    if (writer->fd >= 0)
        close(writer->fd);
    digest_free(writer->hash);
    content_release(writer->content, writer->digest);
    free(writer);
}
