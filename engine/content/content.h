// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "engine/content/digest.h"

/* Blobs by digest: ROOT/content/blobs/sha256/HEX, complete and verified, or absent. Downloads under
 * way are ROOT/content/ingest/HEX; they survive a crash and are resumed. Any thread. */
typedef struct Content Content;
typedef struct ContentWriter ContentWriter;

int content_open(const char *root, Content **ret, Error *err);
void content_close(Content *content);
CLEANUP_DEFINE(Content, content_close)

/* Digests have passed digest_check. */
bool content_has(Content *content, const char *digest);
int content_open_blob(Content *content, const char *digest, int *ret_fd, uint64_t *ret_size,
    Error *err); /* ERROR_NOT_FOUND */
/* A small document; verified again. */
int content_read(Content *content, const char *digest, size_t limit, Text *ret, Error *err);
int content_put(Content *content, const void *data, size_t n, const char *digest, Error *err);
/* A file of ours whose digest the caller has just computed, and that nobody writes to, becomes the
 * blob itself: a link, no copy. Same file system. */
int content_adopt(Content *content, int fd, const char *digest, Error *err);
int content_remove(Content *content, const char *digest, Error *err);
int content_list(Content *content, JsonTexts *ret, Error *err);

/* size: what the descriptor promises. Waits while another writer has the digest. Returns 1, and no
 * writer, when the blob is there; else takes up a partial file where it ended. */
int content_writer_open(
    Content *content, const char *digest, uint64_t size, ContentWriter **ret, Error *err);
uint64_t content_writer_offset(const ContentWriter *writer);
uint64_t content_writer_size(const ContentWriter *writer);
bool content_writer_restarted(const ContentWriter *writer); /* threw away what could be read */
/* What is there so far, for reading; it may grow, and shrink at a restart. */
int content_writer_open_partial(const ContentWriter *writer, int *ret_fd, Error *err);
const char *content_writer_digest(const ContentWriter *writer);
/* ERROR_CORRUPT: more bytes than promised. ERROR_EXHAUSTED: no space. */
int content_writer_write(ContentWriter *writer, const void *data, size_t n, Error *err);
int content_writer_restart(ContentWriter *writer, Error *err); /* back to offset 0 */
/* Size and digest are verified, then the blob appears. A bad one is thrown away: ERROR_CORRUPT. */
int content_writer_commit(ContentWriter *writer, Error *err);
void content_writer_close(ContentWriter *writer); /* what was not committed stays, to be resumed */
CLEANUP_DEFINE(ContentWriter, content_writer_close)

/* Removes partial downloads, except those that keep wants. */
typedef bool ContentKeep(void *user, const char *digest);
int content_sweep_ingest(Content *content, ContentKeep *keep, void *user, Error *err);
