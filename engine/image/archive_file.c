// SPDX-License-Identifier: Apache-2.0
#include "engine/image/archive_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/memory.h"
#include "engine/image/document.h"
#include "oci/image.h"

int archive_open_file(int tree, const char *path, int *ret_fd, uint64_t *ret_size, Error *err) {
    autoclose int fd = -1;
    struct stat status;
    if (file_open_in(tree, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, &fd, err) < 0)
        return error_prefix(err, "the archive is incomplete");
    if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
        return error_set(err, ERROR_CORRUPT, "'%s' in the archive is not a file", path);
    *ret_size = (uint64_t)status.st_size;
    *ret_fd = take_fd(&fd);
    return 0;
}

int archive_read_document(int tree, const char *path, size_t limit, Text *ret, Error *err) {
    autoclose int fd = -1;
    uint64_t size;
    TRY(archive_open_file(tree, path, &fd, &size, err));
    if (fd_read_all(fd, limit, ret, err) < 0)
        return error_prefix(err, "cannot read '%s' in the archive", path);
    return 0;
}

int archive_digest_file(int fd, char ret[DIGEST_TEXT_SIZE], Error *err) {
    enum {
        CHUNK = 1 << 18
    };
    autofree char *buffer = memory_new(CHUNK);
    autoptr(Digest) digest = digest_new();
    ssize_t n;
    while ((n = read(fd, buffer, CHUNK)) > 0)
        digest_update(digest, buffer, (size_t)n);
    if (n < 0 || lseek(fd, 0, SEEK_SET) < 0)
        return error_set_errno(err, errno, "cannot read the archive");
    digest_finish(digest, ret);
    return 0;
}

typedef struct Making {
    int tree;
    ArchiveTake *take;
    void *user;
} Making;

static int take_file(const Making *making, const char *path, OciDescriptor *ret, Error *err) {
    autoclose int fd = -1;
    char digest[DIGEST_TEXT_SIZE];
    uint64_t size;
    unsigned char magic[4] = {};
    TRY(archive_open_file(making->tree, path, &fd, &size, err));
    TRY(archive_digest_file(fd, digest, err));
    if (pread(fd, magic, sizeof(magic), 0) < 0)
        return error_set_errno(err, errno, "cannot read the archive");
    TRY(making->take(making->user, fd, digest, err));
    const char *suffix = magic[0] == 0x1f && magic[1] == 0x8b        ? "+gzip"
                         : memcmp(magic, "\x28\xb5\x2f\xfd", 4) == 0 ? "+zstd"
                                                                     : "";
    ret->digest = text_copy(digest);
    ret->size = (JsonUint){true, size};
    ret->media_type = text_format("%s%s", OCI_MEDIA_LAYER, suffix);
    return 0;
}

static int fill(const Making *making, const SavedImage *saved, OciManifest *ret, Error *err) {
    ret->schema_version = (JsonUint){true, 2};
    ret->media_type = text_copy(OCI_MEDIA_MANIFEST);
    ret->config = new (OciDescriptor);
    TRY(take_file(making, saved->config, ret->config, err));
    free(ret->config->media_type);
    ret->config->media_type = text_copy(OCI_MEDIA_CONFIG);
    for (size_t i = 0; i < saved->layers.n; i++)
        TRY(take_file(making, saved->layers.item[i],
            json_objects_add(&ret->layers, &oci_descriptor_type), err));
    return 0;
}

int archive_make_manifest(int tree, const SavedImage *saved, ArchiveTake *take, void *user,
    Text *ret_manifest, Error *err) {
    autodone(OciManifest) manifest = {};
    if (saved->layers.n > DOCUMENT_LAYERS_MAX) // each is read whole
        return error_set(
            err, ERROR_EXHAUSTED, "the image has more than %d layers", DOCUMENT_LAYERS_MAX);
    TRY(fill(&(Making){tree, take, user}, saved, &manifest, err));
    autofree char *json = json_encode(&oci_manifest_type, &manifest, 0);
    text_append(ret_manifest, json);
    return 0;
}
