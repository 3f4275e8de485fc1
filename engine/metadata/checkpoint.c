// SPDX-License-Identifier: Apache-2.0
#include "engine/metadata/checkpoint.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/layer/layer.h"
#include "engine/layer/pack.h"

typedef struct Source {
    const Images *images;
    int directory;
} Source;

static int pack(BlobWriter *writer, JsonMap *labels, void *user, Error *err) {
    const Source *source = user;
    const LayerPack pack = {
        .program = images_pack_program(source->images),
        .mode = PACK_FLAT,
        .compression = COMPRESSION_NONE,
        .upper = &source->directory,
        .upper_n = 1,
        .write = blob_make_write,
        .user = writer,
    };
    LayerPacked packed;
    return layer_pack(&pack, &packed, err);
}

int checkpoint_save(BlobMake make, const Images *images, int directory, BlobMade *ret, Error *err) {
    Source source = {images, directory};
    make.fill = pack;
    make.user = &source;
    return blob_make(&make, ret, err);
}

/* criu opens by name what lies there, as root: nothing may lead elsewhere. */
static int check_files(int directory, Error *err) {
    autoclose int again = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = again >= 0 ? fdopendir(again) : NULL;
    if (!stream)
        return error_set_errno(err, errno, "cannot read the checkpoint's directory");
    take_fd(&again);
    const struct dirent *entry;
    int code = 0;
    while (code == 0 && (entry = readdir(stream))) {
        struct stat status;
        bool dots = text_equal(entry->d_name, ".") || text_equal(entry->d_name, "..");
        if (!dots && (fstatat(directory, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0 ||
                         !S_ISREG(status.st_mode) || status.st_nlink != 1))
            code = error_set(
                err, ERROR_CORRUPT, "the checkpoint's '%.200s' is not a plain file", entry->d_name);
    }
    closedir(stream);
    return code;
}

int checkpoint_load(Images *images, const char *digest, int directory, Error *err) {
    autodone(LayerResult) result = {};
    autoclose int fd = -1;
    uint64_t size;
    TRY(content_open_blob(images_content(images), digest, &fd, &size, err));
    const LayerUnpack unpack = {
        .program = images_unpack_program(images), .blob = fd, .tree = directory};
    if (layer_unpack(&unpack, &result, err) < 0)
        return error_prefix(err, "failed to extract checkpoint %s", digest);
    return check_files(directory, err);
}
