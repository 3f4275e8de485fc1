// SPDX-License-Identifier: Apache-2.0
#include "engine/image/archive.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/text.h"
#include "engine/image/collect.h"
#include "engine/image/contents.h"
#include "engine/image/feed.h"
#include "engine/image/pull.h"
#include "engine/layer/layer.h"

/* An archive is first unpacked by tare-unpack, as confined as for a layer, into a directory of its
 * own; what is in there is then read like a registry's answers: believed by digest only. */

/* The unpacking half of a feed. */
static int unpack(void *user, int input, const atomic_bool *complete, Error *err) {
    LayerUnpack *job = user;
    LayerResult result = {};
    job->blob = input;
    int code = layer_unpack(job, &result, err);
    layer_result_done(&result);
    return code;
}

static int unpack_into(Images *images, const char *directory, ImageReader *reader,
    void *reader_user, ArchiveVisit *visit, void *user, Error *err) {
    autoclose int tree = -1;
    TRY(file_make_dirs(directory, 0700, err));
    TRY(file_open(AT_FDCWD, directory, O_RDONLY | O_DIRECTORY, 0, &tree, err));
    LayerUnpack job = {.program = images->unpack_program, .tree = tree};
    const ImageSource source = {.read = reader, .user = reader_user};
    if (feed(&source, unpack, &job, err) < 0)
        return error_prefix(err, "cannot read the archive");
    return visit(user, tree, err);
}

int archive_unpack(Images *images, ImageReader *reader, void *reader_user, ArchiveVisit *visit,
    void *user, Error *err) {
    char name[17];
    Error ignored;
    text_random_hex(name, 8);
    autofree char *imports = path_join(images->root, COLLECT_IMPORTS);
    autofree char *directory = path_join(imports, name);
    int code = unpack_into(images, directory, reader, reader_user, visit, user, err);
    file_remove_tree(AT_FDCWD, directory, &ignored); /* else at the next start */
    if (code < 0)
        collect(images, NULL, &ignored);
    return code;
}

typedef struct Import {
    Images *images;
    Platform platform;
    bool platform_wanted;
    ImageLoaded loaded;
} Import;

static int load(void *user, int tree, Error *err) {
    Import *import = user;
    const Platform *wanted = import->platform_wanted ? &import->platform : NULL;
    return contents_load(import->images, tree, wanted, &import->loaded, err);
}

int image_import(Images *images, const char *platform, ImageReader *reader, void *user,
    ImageLoaded *ret, Error *err) {
    Import import = {.images = images};
    TRY(platform_parse(platform, &import.platform, err));
    import.platform_wanted = !text_is_empty(platform);
    int code = archive_unpack(images, reader, user, load, &import, err);
    if (code == 0)
        *ret = import.loaded;
    else
        image_loaded_done(&import.loaded);
    return code;
}

void image_loaded_done(ImageLoaded *loaded) {
    json_texts_done(&loaded->references);
    json_texts_done(&loaded->ids);
}
