// SPDX-License-Identifier: Apache-2.0
#include "engine/image/image.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/path.h"
#include "base/process.h"
#include "base/text.h"
#include "base/time.h"
#include "engine/image/collect.h"
#include "engine/image/document.h"
#include "engine/image/filter.h"
#include "engine/image/name.h"
#include "engine/image/register.h"

enum {
    DOWNLOADS = 3,
    UPLOADS = 5
};

static int open_stores(Images *images, Error *err) {
    TRY(content_open(images->root, &images->content, err));
    TRY(records_load(images, err));
    return collect_at_start(images, err);
}

int images_open(const ImagesOptions *options, Images **ret, Error *err) {
    autoptr(Images) images = new (Images);
    pthread_mutex_init(&images->mutex, NULL);
    flights_init(&images->flights);
    images->root = text_copy(options->root);
    images->store = options->store;
    images->snapshots = options->snapshots;
    images->events = options->events;
    images->registry = options->registry;
    images->keeper = options->keeper;
    images->keeper_data = options->keeper_data;
    images->downloads.free = options->max_downloads ? options->max_downloads : DOWNLOADS;
    images->uploads_max = options->max_uploads ? options->max_uploads : UPLOADS;
    images->uploads.free = images->uploads_max;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    images->unpacks.free = processors > 1 ? (unsigned)processors : 1;
    /* While as many as there are processors are still unpacked, the network goes on. */
    images->follows.free = images->downloads.free + images->unpacks.free;
    if (options->unpack_program)
        images->unpack_program = text_copy(options->unpack_program);
    else
        TRY(process_find_program("tare-unpack", &images->unpack_program, err));
    autofree char *programs = path_parent(images->unpack_program);
    images->pack_program = path_join(programs, "tare-pack"); /* they are installed together */
    TRY(open_stores(images, err));
    *ret = take_ptr(&images);
    return 0;
}

void images_close(Images *images) {
    if (!images)
        return;
    records_done(images);
    content_close(images->content);
    flights_done(&images->flights);
    pthread_mutex_destroy(&images->mutex);
    free(images->unpack_program);
    free(images->pack_program);
    free(images->root);
    free(images);
}

void images_set_user(Images *images, ImageUser *in_use, void *user) {
    images->in_use = in_use;
    images->in_use_data = user;
}

Content *images_content(Images *images) {
    return images->content;
}

const char *images_unpack_program(const Images *images) {
    return images->unpack_program;
}

const char *images_pack_program(const Images *images) {
    return images->pack_program;
}

void image_free(Image *image) {
    if (!image)
        return;
    free(image->id);
    free(image->manifest);
    free(image->chain_id);
    free(image->parent);
    json_texts_done(&image->references);
    json_texts_done(&image->digests);
    oci_image_done(&image->config);
    free(image);
}

/* With the mutex held: all but the config. */
static Image *copy_record(const Images *images, const ImageRecord *record) {
    Image *image = new (Image);
    image->id = text_copy(record->id);
    image->manifest = text_copy(record->manifest);
    image->chain_id = text_copy(record->chain);
    image->parent = text_copy(record->parent);
    image->size = record->size.value;
    image->tagged = record->added.value;
    for (size_t i = 0; i < images->references; i++) {
        const ReferenceRecord *reference = images->reference[i];
        autodone(Reference) parsed = {};
        Error ignored;
        if (!text_equal(reference->image, record->id) ||
            reference_parse(reference->name, &parsed, &ignored) < 0)
            continue;
        autofree char *familiar = reference_familiar(&parsed);
        json_texts_add(parsed.digest ? &image->digests : &image->references, familiar);
        if (reference->added.value > image->tagged)
            image->tagged = reference->added.value;
    }
    texts_sort(&image->references);
    texts_sort(&image->digests);
    return image;
}

/* Without the mutex: the config is a file. */
static int load_config(Images *images, Image *image, Error *err) {
    autodone(Text) body = {};
    Error ignored;
    TRY(content_read(images->content, image->id, DOCUMENT_CONFIG_MAX, &body, err));
    TRY(json_decode(&oci_image_type, body.data, body.length, &image->config, err));
    if (!image->config.config)
        image->config.config = new (OciImageConfig);
    if (image->config.created && time_parse(image->config.created, &image->created, &ignored) < 0)
        image->created = 0;
    return 0;
}

int image_load(Images *images, const char *name, Image **ret, Error *err) {
    NameMatch match;
    pthread_mutex_lock(&images->mutex);
    int code = name_find(images, name, &match, err);
    autoptr(Image) image = code == 0 ? copy_record(images, match.image) : NULL;
    pthread_mutex_unlock(&images->mutex);
    TRY(code);
    if (load_config(images, image, err) < 0)
        return error_prefix(err, "image %s", name);
    *ret = take_ptr(&image);
    return 0;
}

int image_suits(const Image *image, char *const *platforms, size_t n, Error *err) {
    const char *name = image->references.n ? image->references.item[0] : image->id;
    int code = 0;
    for (size_t i = 0; i < n; i++) {
        Platform wanted;
        TRY(platform_parse(platforms[i], &wanted, err));
        code = platform_check(&wanted, name, &image->config, err);
        if (code == 0)
            break;
    }
    return code;
}

static int compare_images(const void *a, const void *b) {
    const Image *x = *(Image *const *)a, *y = *(Image *const *)b;
    if (x->created != y->created)
        return x->created < y->created ? 1 : -1;
    return strcmp(x->id, y->id);
}

static ImageList copy_all(Images *images) {
    ImageList list = {};
    pthread_mutex_lock(&images->mutex);
    list.item = new_array(Image *, images->images);
    for (size_t i = 0; i < images->images; i++)
        list.item[list.n++] = copy_record(images, images->image[i]);
    pthread_mutex_unlock(&images->mutex);
    return list;
}

int image_list(Images *images, const ImageFilter *filter, ImageList *ret, Error *err) {
    autodone(ImageList) list = copy_all(images);
    size_t kept = 0;
    for (size_t i = 0; i < list.n; i++) {
        Error gone; /* removed meanwhile */
        if (load_config(images, list.item[i], &gone) == 0)
            continue;
        image_free(list.item[i]);
        list.item[i] = NULL;
    }
    for (size_t i = 0; i < list.n; i++)
        if (list.item[i])
            list.item[kept++] = list.item[i];
    list.n = kept;
    if (list.n > 1)
        qsort(list.item, list.n, sizeof(*list.item), compare_images);
    TRY(filter_apply(filter, &list, err));
    *ret = list;
    list = (ImageList){};
    return 0;
}

void image_list_done(ImageList *list) {
    for (size_t i = 0; i < list->n; i++)
        image_free(list->item[i]);
    free(list->item);
    *list = (ImageList){};
}

/* With the mutex held. */
static int tag_locked(
    Images *images, const char *source, const char *canonical, char **ret_id, Error *err) {
    NameMatch match;
    TRY(name_find(images, source, &match, err));
    autoptr(ReferenceRecord) record = new (ReferenceRecord);
    record->name = text_copy(canonical);
    record->image = text_copy(match.image->id);
    record->added = (JsonInt){true, time_now()};
    autofree char *json = register_encode_reference(record);
    TRY(store_put(images->store, STORE_REFERENCE, canonical, json, err));
    *ret_id = text_copy(match.image->id);
    record_keep_reference(images, take_ptr(&record));
    return 0;
}

int image_tag(Images *images, const char *source, const char *target, Error *err) {
    autodone(Reference) reference = {};
    if (reference_parse_tag(target, &reference, err) < 0)
        return strchr(target, '@') ? err->code
                                   : error_prefix(err,
                                         "Error parsing reference: \"%.100s\" is not a valid"
                                         " repository/tag",
                                         target);
    autofree char *canonical = reference_canonical(&reference);
    autofree char *id = NULL;
    pthread_mutex_lock(&images->mutex);
    int code = tag_locked(images, source, canonical, &id, err);
    pthread_mutex_unlock(&images->mutex);
    TRY(code);
    autofree char *familiar = reference_familiar(&reference);
    image_event(images, "tag", id, familiar);
    return 0;
}
