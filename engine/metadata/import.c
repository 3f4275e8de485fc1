// SPDX-License-Identifier: Apache-2.0
#include "engine/metadata/import.h"

#include <string.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"

typedef struct Importing {
    const Import *import;
    int tree;
    size_t named;
} Importing;

/* containerd's annotation holds a whole name, the standard one perhaps only a tag. */
static char *name_of(const Import *import, const OciDescriptor *image) {
    const char *whole = json_map_find(&image->annotations, "io.containerd.image.name");
    const char *name =
        whole ? whole : json_map_find(&image->annotations, "org.opencontainers.image.ref.name");
    if (text_is_empty(name) || text_is_empty(import->prefix))
        return NULL;
    if (!strpbrk(name, "/:@"))
        return text_format("%s:%s", import->prefix, name);
    size_t n = strlen(import->prefix);
    bool below = text_starts(name, import->prefix) && strchr("/:@", name[n]);
    return import->any_name || below ? text_copy(name) : NULL;
}

static int bring(Importing *importing, const OciDescriptor *image, const char *name, Error *err) {
    Fetch fetch = importing->import->like;
    fetch.archive = importing->tree;
    fetch.from = image;
    fetch.name = name;
    TRY(fetch_image(&fetch, err));
    importing->named++;
    return 0;
}

static int bring_named(Importing *importing, const OciDescriptor *image, Error *err) {
    const Import *import = importing->import;
    autofree char *name = name_of(import, image);
    autofree char *pinned =
        text_format("%s@%s", import->prefix ? import->prefix : "", image->digest);
    if (name)
        TRY(bring(importing, image, name, err));
    if (import->digests && !text_is_empty(import->prefix) && !(name && import->unless_named))
        TRY(bring(importing, image, pinned, err));
    return 0;
}

static int bring_all(Importing *importing, const OciIndex *index, Error *err) {
    const OciDescriptor *image = index->manifests.item;
    for (size_t i = 0; i < index->manifests.n; i++)
        TRY(bring_named(importing, &image[i], err));
    return importing->named > 0 ? 0
                                : error_set(err, ERROR_NOT_FOUND, "no image name found: not found");
}

static int visit(void *user, int tree, Error *err) {
    Importing *importing = user;
    autodone(OciIndex) index = {};
    autoclose int layout = -1;
    int code = file_exists(tree, "index.json") || !file_exists(tree, "manifest.json")
                   ? archive_read_index(tree, &index, err)
                   : archive_make_layout(tree, &layout, &index, err);
    TRY(code);
    importing->tree = layout >= 0 ? layout : tree;
    return bring_all(importing, &index, err);
}

int import_images(const Import *import, Error *err) {
    Importing importing = {.import = import};
    return archive_unpack(
        import->like.images, import->reader, import->user, visit, &importing, err);
}
