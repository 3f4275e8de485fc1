// SPDX-License-Identifier: Apache-2.0
#include "engine/image/tar.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/memory.h"

enum {
    BLOCK = 512,
    CHUNK = 1 << 18
};

typedef struct Header {
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100];
    char magic[6], version[2], owner[32], group[32], major[8], minor[8], prefix[155], padding[12];
} Header;
_Static_assert(sizeof(Header) == BLOCK, "a header is one block");

/* Eleven octal digits, or GNU's binary form for what is larger than 8 GiB. */
static void set_size(Header *header, uint64_t size) {
    if (size < UINT64_C(1) << 33) {
        snprintf(header->size, sizeof(header->size), "%011" PRIo64, size);
        return;
    }
    header->size[0] = (char)0x80;
    for (int i = 11; i >= 4; i--, size >>= 8)
        header->size[i] = (char)(size & 0xff);
}

static int add_header(const Tar *tar, const char *name, char type, uint64_t size, Error *err) {
    Header header = {.type = type, .magic = "ustar", .version = {'0', '0'}};
    unsigned sum = 0;
    assert(strlen(name) < sizeof(header.name));
    memcpy(header.name, name, strlen(name));
    snprintf(header.mode, sizeof(header.mode), "%07o", type == '5' ? 0755U : 0644U);
    snprintf(header.uid, sizeof(header.uid), "%07o", 0U);
    snprintf(header.gid, sizeof(header.gid), "%07o", 0U);
    snprintf(header.mtime, sizeof(header.mtime), "%011o", 0U);
    set_size(&header, size);
    memset(header.checksum, ' ', sizeof(header.checksum));
    for (size_t i = 0; i < sizeof(header); i++)
        sum += ((const unsigned char *)&header)[i];
    snprintf(header.checksum, sizeof(header.checksum), "%06o", sum);
    return tar->writer(tar->user, &header, sizeof(header), err);
}

static int pad(const Tar *tar, uint64_t size, Error *err) {
    static const char zeros[BLOCK];
    size_t rest = (size_t)(size % BLOCK);
    return rest ? tar->writer(tar->user, zeros, BLOCK - rest, err) : 0;
}

int tar_add_directory(const Tar *tar, const char *name, Error *err) {
    return add_header(tar, name, '5', 0, err);
}

int tar_add_text(const Tar *tar, const char *name, const char *text, Error *err) {
    size_t n = strlen(text);
    TRY(add_header(tar, name, '0', n, err));
    TRY(tar->writer(tar->user, text, n, err));
    return pad(tar, n, err);
}

int tar_add_file(const Tar *tar, const char *name, int fd, uint64_t size, Error *err) {
    autofree char *buffer = memory_new(CHUNK);
    TRY(add_header(tar, name, '0', size, err));
    for (uint64_t left = size; left > 0;) {
        size_t n = left < CHUNK ? (size_t)left : CHUNK;
        if (fd_read_exactly(fd, buffer, n, err) < 0)
            return error_prefix(err, "cannot read '%s'", name);
        TRY(tar->writer(tar->user, buffer, n, err));
        left -= n;
    }
    return pad(tar, size, err);
}

int tar_finish(const Tar *tar, Error *err) {
    static const char zeros[2 * BLOCK];
    return tar->writer(tar->user, zeros, sizeof(zeros), err);
}
