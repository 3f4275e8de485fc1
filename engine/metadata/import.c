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
    char lease[FETCH_LEASE_SIZE];
    size_t named;
} Importing;

/* The archive's own index is an image as well: by a name, or by its digest. */
static bool wants_index(const Import *import) {
    return !text_is_empty(import->index_name) ||
           (import->digests && !text_is_empty(import->prefix));
}

static char *pin(const Import *import, const char *digest) {
    return import->digests && !text_is_empty(import->prefix)
               ? text_format("%s@%s", import->prefix, digest)
               : NULL;
}

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
    fetch.lease = importing->lease;
    TRY(fetch_image(&fetch, err));
    importing->named++;
    return 0;
}

static int bring_named(Importing *importing, const OciDescriptor *image, Error *err) {
    const Import *import = importing->import;
    autofree char *name = name_of(import, image);
    autofree char *pinned = pin(import, image->digest);
    if (name || (!pinned && wants_index(import)))
        TRY(bring(importing, image, name, err));
    if (pinned && !(name && import->unless_named))
        TRY(bring(importing, image, pinned, err));
    return 0;
}

static int bring_index(Importing *importing, const char *name, const Text *body, Error *err) {
    Fetch fetch = importing->import->like;
    fetch.name = name;
    fetch.lease = importing->lease;
    return fetch_index(&fetch, body, err);
}

/* When all that it names is here. */
static int name_index(Importing *importing, const Text *body, Error *err) {
    const Import *import = importing->import;
    char digest[DIGEST_TEXT_SIZE];
    digest_of(body->data, body->length, digest);
    autofree char *pinned = pin(import, digest);
    if (!text_is_empty(import->index_name))
        TRY(bring_index(importing, import->index_name, body, err));
    return pinned ? bring_index(importing, pinned, body, err) : 0;
}

static int bring_all(Importing *importing, const OciIndex *index, const Text *body, Error *err) {
    const OciDescriptor *image = index->manifests.item;
    for (size_t i = 0; i < index->manifests.n; i++)
        TRY(bring_named(importing, &image[i], err));
    if (importing->named == 0)
        return error_set(err, ERROR_NOT_FOUND, "no image name found: not found");
    return name_index(importing, body, err);
}

static int make_layout(int tree, int *ret_layout, OciIndex *ret, Text *ret_body, Error *err) {
    TRY(archive_make_layout(tree, ret_layout, ret, err));
    autofree char *body = json_encode(&oci_index_type, ret, 0);
    text_append(ret_body, body);
    return 0;
}

static int visit(void *user, int tree, Error *err) {
    Importing *importing = user;
    const Fetch *like = &importing->import->like;
    autodone(OciIndex) index = {};
    autodone(Text) body = {};
    autoclose int layout = -1;
    int code = file_exists(tree, "index.json") || !file_exists(tree, "manifest.json")
                   ? archive_read_index(tree, &index, &body, err)
                   : make_layout(tree, &layout, &index, &body, err);
    TRY(code);
    importing->tree = layout >= 0 ? layout : tree;
    TRY(fetch_make_lease(like->trees, like->space, importing->lease, err));
    code = bring_all(importing, &index, &body, err);
    Error ignored;
    metadata_remove(like->trees->metadata, METADATA_LEASE, like->space, importing->lease, &ignored);
    return code;
}

int import_images(const Import *import, Error *err) {
    Importing importing = {.import = import};
    return archive_unpack(
        import->like.images, import->reader, import->user, visit, &importing, err);
}
