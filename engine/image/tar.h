// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdint.h>

#include "engine/image/save.h"

/* A stream of plain files as POSIX.1-1988 ustar: names of ours, shorter than 100 bytes. Private to
 * engine/image. */
typedef struct Tar {
    ImageWriter *writer;
    void *user;
} Tar;

int tar_add_directory(const Tar *tar, const char *name, Error *err); /* "name/" */
int tar_add_text(const Tar *tar, const char *name, const char *text, Error *err);
/* fd is read from where it stands; it has exactly `size` bytes from there. */
int tar_add_file(const Tar *tar, const char *name, int fd, uint64_t size, Error *err);
int tar_finish(const Tar *tar, Error *err);
