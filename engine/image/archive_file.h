// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/text.h"
#include "engine/content/digest.h"
#include "engine/image/saved.h"

/* Files of an unpacked archive. Symlinks resolve inside it (docker save makes some); tare-unpack
 * has let neither devices nor FIFOs through. Private to engine/image. */
int archive_open_file(int tree, const char *path, int *ret_fd, uint64_t *ret_size, Error *err);
int archive_read_document(int tree, const char *path, size_t limit, Text *ret, Error *err);

int archive_read_saved(int tree, SavedImages *ret, Error *err); /* manifest.json */

/* Leaves the descriptor at the file's beginning. */
int archive_digest_file(int fd, char ret[DIGEST_TEXT_SIZE], Error *err);

/* Docker's archives tell files apart by name and have no manifest in our sense: one is made. `take`
 * gets each file with its digest, before the manifest is ready. */
typedef int ArchiveTake(void *user, int fd, const char *digest, Error *err);
int archive_make_manifest(int tree, const SavedImage *saved, ArchiveTake *take, void *user,
    Text *ret_manifest, Error *err);
