// SPDX-License-Identifier: Apache-2.0
#include "engine/metadata/own.h"

#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/registry/reference.h"

enum {
    DOCUMENT_MAX = 4 << 20
};

static int64_t size_of(Images *images, const char *digest) {
    int fd = -1;
    uint64_t size;
    Error gone;
    if (content_open_blob(images_content(images), digest, &fd, &size, &gone) < 0)
        return -1;
    close(fd);
    return (int64_t)size;
}

static MetadataRecord *blob_record(Images *images, const char *digest) {
    int64_t size = size_of(images, digest);
    if (size < 0)
        return NULL;
    MetadataRecord *record = metadata_record_new(METADATA_CONTENT, METADATA_OWN_SPACE, digest);
    record->size = (JsonInt){true, size};
    return record;
}

/* Documents may leave out their type; then it is OCI's. */
static char *type_of(Images *images, const char *digest) {
    autodone(Text) text = {};
    autodone(OciManifest) manifest = {};
    Error ignored;
    if (content_read(images_content(images), digest, DOCUMENT_MAX, &text, &ignored) == 0 &&
        json_decode(&oci_manifest_type, text.data, text.length, &manifest, &ignored) == 0 &&
        manifest.media_type)
        return text_copy(manifest.media_type);
    return text_copy("application/vnd.oci.image.manifest.v1+json");
}

static MetadataRecord *image_record(Images *images, const Image *image, const char *familiar) {
    autodone(Reference) reference = {};
    Error ignored;
    if (reference_parse(familiar, &reference, &ignored) < 0)
        return NULL;
    autofree char *name = reference_canonical(&reference);
    MetadataRecord *record = metadata_record_new(METADATA_IMAGE, METADATA_OWN_SPACE, name);
    record->digest = text_copy(image->manifest);
    record->media_type = type_of(images, image->manifest);
    record->size = (JsonInt){true, size_of(images, image->manifest)};
    record->created = record->updated = (JsonInt){true, image->tagged};
    return record;
}

static int find_image(Images *images, const char *name, MetadataRecord **ret, Error *err) {
    autoptr(Image) image = NULL;
    Error missing;
    if (image_load(images, name, &image, &missing) < 0 ||
        !(*ret = image_record(images, image, name)))
        return error_set(err, ERROR_NOT_FOUND, "image \"%.500s\": not found", name);
    return 0;
}

static int find_blob(Images *images, const char *digest, MetadataRecord **ret, Error *err) {
    TRY(digest_check(digest, err));
    if (!images_hold_blob(images, digest) || !(*ret = blob_record(images, digest)))
        return error_set(err, ERROR_NOT_FOUND, "content %s: not found", digest);
    return 0;
}

int own_find(
    Images *images, MetadataKind kind, const char *name, MetadataRecord **ret, Error *err) {
    if (kind == METADATA_IMAGE)
        return find_image(images, name, ret, err);
    if (kind == METADATA_CONTENT)
        return find_blob(images, name, ret, err);
    return err->code;
}

static void list_images(Images *images, MetadataRecords *records) {
    autodone(ImageList) list = {};
    Error ignored;
    if (image_list(images, &(ImageFilter){}, &list, &ignored) < 0)
        return;
    for (size_t i = 0; i < list.n; i++)
        for (size_t j = 0; j < list.item[i]->references.n; j++) {
            MetadataRecord *record =
                image_record(images, list.item[i], list.item[i]->references.item[j]);
            if (record)
                array_append(records->item, records->n, record);
        }
}

static bool has(const MetadataRecords *records, const char *name) {
    bool found = false;
    for (size_t i = 0; !found && i < records->n; i++)
        found = text_equal(records->item[i]->name, name);
    return found;
}

static void list_blobs(Images *images, MetadataRecords *records) {
    autodone(JsonTexts) digests = {};
    images_list_blobs(images, &digests);
    for (size_t i = 0; i < digests.n; i++) {
        MetadataRecord *record =
            has(records, digests.item[i]) ? NULL : blob_record(images, digests.item[i]);
        if (record)
            array_append(records->item, records->n, record);
    }
}

void own_list(Images *images, MetadataKind kind, MetadataRecords *records) {
    if (kind == METADATA_IMAGE)
        list_images(images, records);
    if (kind == METADATA_CONTENT)
        list_blobs(images, records);
}
