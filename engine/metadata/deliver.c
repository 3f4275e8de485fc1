// SPDX-License-Identifier: Apache-2.0
#include "engine/metadata/deliver.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/image/send.h"
#include "engine/metadata/fetch.h"
#include "engine/registry/upload.h"

enum {
    SOURCES_MAX = 8
};

typedef struct Session {
    const Delivery *delivery;
    const DeliveryPush *push;
    char *label; /* of the registry: "containerd.io/distribution.source.HOST" */
    const char *path;
    JsonTexts sources; /* repositories there that may have some of it */
} Session;

/* The label's value: paths with commas between. */
static void add_sources(const Session *session, const char *digest, JsonTexts *ret) {
    autoptr(MetadataRecord) record = NULL;
    Error ignored;
    if (metadata_find(session->delivery->metadata, METADATA_CONTENT, session->delivery->space,
            digest, &record, &ignored) < 0)
        return;
    const char *paths = json_map_find(&record->labels, session->label);
    autotexts char **path = texts_split(paths ? paths : "", ',');
    for (size_t i = 0; path[i] && ret->n < SOURCES_MAX; i++)
        if (!text_equal(path[i], session->path))
            json_texts_add(ret, path[i]);
}

static void sources_of(void *user, const char *digest, JsonTexts *ret) {
    add_sources(user, digest, ret);
}

static int relay(void *user, const PushProgress *progress) {
    const DeliveryPush *push = ((Session *)user)->push;
    return push->listener ? push->listener(push->user, progress) : 0;
}

static const char *first(const JsonTexts *platforms) {
    return platforms && platforms->n > 0 ? platforms->item[0] : NULL;
}

/* For one platform its manifest is sent, for several what is here: an index is of use to a registry
 * only as a whole. */
static int choose(
    const Delivery *delivery, const MetadataRecord *image, char ret[DIGEST_TEXT_SIZE], Error *err) {
    Platform platform;
    snprintf(ret, DIGEST_TEXT_SIZE, "%s", image->digest);
    if (delivery->all_platforms || (delivery->platforms && delivery->platforms->n > 1))
        return 0;
    TRY(platform_parse(first(delivery->platforms), &platform, err));
    return send_choose(images_content(delivery->images), image->digest, &platform, ret, err);
}

static int push_to(Session *session, Registry *registry, const MetadataRecord *image,
    const Reference *reference, Error *err) {
    char digest[DIGEST_TEXT_SIZE];
    int64_t size;
    const Send send = {
        .images = session->delivery->images,
        .registry = registry,
        .sources = sources_of,
        .listener = relay,
        .user = session,
    };
    TRY(choose(session->delivery, image, digest, err));
    add_sources(session, digest, &session->sources);
    registry_allow_push(registry, &session->sources);
    return send_tree(&send, digest, NULL, reference->digest ? NULL : reference->tag, &size, err);
}

int deliver_push(const Delivery *delivery, const DeliveryPush *push, Error *err) {
    autoptr(MetadataRecord) image = NULL;
    autoptr(Registry) registry = NULL;
    autodone(Reference) reference = {};
    Session session = {.delivery = delivery, .push = push};
    TRY(metadata_find(
        delivery->metadata, METADATA_IMAGE, delivery->space, push->image, &image, err));
    TRY(reference_parse(push->reference, &reference, err));
    TRY(registry_open(push->registry, &reference, push->credentials, &registry, err));
    session.label = text_format(LABEL_SOURCE "%s", reference.domain);
    session.path = reference.path;
    int code = push_to(&session, registry, image, &reference, err);
    free(session.label);
    json_texts_done(&session.sources);
    return code;
}

/* Where it came from: containerd's labels are annotations in an archive. */
static void list_sources(const Delivery *delivery, const char *digest, JsonMap *ret) {
    autoptr(MetadataRecord) record = NULL;
    Error ignored;
    if (metadata_find(
            delivery->metadata, METADATA_CONTENT, delivery->space, digest, &record, &ignored) < 0)
        return;
    for (size_t i = 0; i < record->labels.n; i++)
        if (text_starts(record->labels.key[i], LABEL_SOURCE))
            json_map_set(ret, record->labels.key[i], record->labels.value[i]);
}

static int list(
    const Delivery *delivery, char *const *names, size_t n, ArchiveImage *images, Error *err) {
    for (size_t i = 0; i < n; i++) {
        autoptr(MetadataRecord) image = NULL;
        TRY(metadata_find(
            delivery->metadata, METADATA_IMAGE, delivery->space, names[i], &image, err));
        snprintf(images[i].target, sizeof(images[i].target), "%s", image->digest);
        json_texts_add(&images[i].names, names[i]);
        list_sources(delivery, image->digest, &images[i].annotations);
    }
    return 0;
}

int deliver_archive(const Delivery *delivery, char *const *names, size_t n, bool plain,
    ImageWriter *writer, void *user, Error *err) {
    autofree ArchiveImage *images = new_array(ArchiveImage, n + 1);
    const Archive archive = {
        .content = images_content(delivery->images),
        .image = images,
        .n = n,
        .platform = first(delivery->platforms),
        .platforms = delivery->platforms,
        .choice = delivery->all_platforms ? ARCHIVE_WHAT_IS_HERE : ARCHIVE_PLATFORMS,
        .plain = plain,
        .writer = writer,
        .user = user,
    };
    int code = list(delivery, names, n, images, err);
    if (code == 0)
        code = archive_write(&archive, err);
    for (size_t i = 0; i < n; i++) {
        json_texts_done(&images[i].names);
        json_map_done(&images[i].annotations);
    }
    return code;
}
