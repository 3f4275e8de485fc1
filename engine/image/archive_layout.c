// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/memory.h"
#include "engine/image/archive.h"
#include "engine/image/archive_file.h"
#include "engine/registry/reference.h"

/* The directory has a random name: nothing in the archive, such as a symlink, can be meant by it.
 */
#define BLOBS "blobs/sha256"

static int make_directory(int tree, int *ret_layout, int *ret_blobs, Error *err) {
    char random[17];
    text_random_hex(random, 8);
    autofree char *path = text_format("layout-%s/" BLOBS, random);
    autofree char *top = text_format("layout-%s", random);
    TRY(file_make_dirs_at(tree, path, 0700, err));
    TRY(file_open_beneath(tree, top, O_RDONLY | O_DIRECTORY, 0, ret_layout, err));
    return file_open_beneath(*ret_layout, BLOBS, O_RDONLY | O_DIRECTORY, 0, ret_blobs, err);
}

static int link_blob(void *user, int fd, const char *digest, Error *err) {
    const int *blobs = user;
    char path[FD_PATH_SIZE];
    if (linkat(AT_FDCWD, fd_path(fd, path), *blobs, digest_hex(digest), AT_SYMLINK_FOLLOW) < 0 &&
        errno != EEXIST)
        return error_set_errno(err, errno, "cannot take %s out of the archive", digest);
    return 0;
}

static int describe(
    OciIndex *index, const Text *manifest, const char *digest, const char *name, Error *err) {
    autodone(Reference) reference = {};
    OciDescriptor *row = json_objects_add(&index->manifests, &oci_descriptor_type);
    row->media_type = text_copy(OCI_MEDIA_MANIFEST);
    row->digest = text_copy(digest);
    row->size = (JsonUint){true, manifest->length};
    if (!name)
        return 0;
    TRY(reference_parse(name, &reference, err));
    autofree char *canonical = reference_canonical(&reference);
    json_map_set(&row->annotations, "io.containerd.image.name", canonical);
    return 0;
}

static int add_image(int tree, int blobs, const SavedImage *saved, OciIndex *index, Error *err) {
    autodone(Text) manifest = {};
    char digest[DIGEST_TEXT_SIZE];
    TRY(archive_make_manifest(tree, saved, link_blob, &blobs, &manifest, err));
    digest_of(manifest.data, manifest.length, digest);
    TRY(file_write(blobs, digest_hex(digest), manifest.data, manifest.length, 0600, false, err));
    for (size_t i = 0; i < saved->tags.n; i++)
        TRY(describe(index, &manifest, digest, saved->tags.item[i], err));
    return saved->tags.n ? 0 : describe(index, &manifest, digest, NULL, err);
}

int archive_make_layout(int tree, int *ret_layout, OciIndex *ret, Error *err) {
    autodone(SavedImages) saved = {};
    autodone(OciIndex) index = {};
    autoclose int layout = -1, blobs = -1;
    TRY(archive_read_saved(tree, &saved, err));
    TRY(make_directory(tree, &layout, &blobs, err));
    const SavedImage *image = saved.images.item;
    for (size_t i = 0; i < saved.images.n; i++)
        TRY(add_image(tree, blobs, &image[i], &index, err));
    *ret_layout = take_fd(&layout);
    *ret = index;
    index = (OciIndex){};
    return 0;
}
