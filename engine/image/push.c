// SPDX-License-Identifier: Apache-2.0
#include "engine/image/push.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "engine/image/lease.h"
#include "engine/image/register.h"
#include "engine/image/send.h"
#include "engine/registry/upload.h"

enum {
    SOURCES_MAX = 8
};

/* One tag on its way. */
typedef struct Tagged {
    char *name; /* canonical */
    char *tag;
    char *id;
    char *manifest; /* digest */
    char *target;   /* digest of what the tag meant where it came from; NULL: it was made here */
} Tagged;

typedef struct Push {
    const ImagePush *request;
    Images *images;
    Reference reference;
    char *repository; /* "docker.io/library/busybox" */
    Platform platform;
    Registry *registry;
    char lease[32];
    Tagged *tagged;
    size_t n;
    JsonTexts sources; /* paths of other repositories of this registry */
} Push;

/* With the mutex held. */
static void add_tagged(Push *push, const ReferenceRecord *reference, const char *tag) {
    const ImageRecord *image = record_find_image(push->images, reference->image);
    if (!image)
        return;
    Tagged tagged = {
        .name = text_copy(reference->name),
        .tag = text_copy(tag),
        .id = text_copy(image->id),
        .manifest = text_copy(image->manifest),
        .target = text_copy(reference->target),
    };
    array_append(push->tagged, push->n, tagged);
}

/* With the mutex held; returns how many names of any kind the repository has. */
static size_t list_tagged(Push *push) {
    const char *wanted = push->request->all ? NULL : push->reference.tag;
    size_t names = 0;
    for (size_t i = 0; i < push->images->references; i++) {
        const ReferenceRecord *reference = push->images->reference[i];
        autodone(Reference) parsed = {};
        Error ignored;
        if (reference_parse(reference->name, &parsed, &ignored) < 0)
            continue;
        autofree char *repository = reference_name(&parsed);
        if (!text_equal(repository, push->repository))
            continue;
        names++;
        if (!parsed.digest && (!wanted || text_equal(wanted, parsed.tag)))
            add_tagged(push, reference, parsed.tag);
    }
    return names;
}

static bool shares_blob(const Push *push, const ReferenceRecord *reference) {
    for (size_t i = 0; i < push->n; i++) {
        const ImageRecord *image = record_find_image(push->images, push->tagged[i].id);
        for (size_t j = 0; image && j < image->blobs.n; j++)
            if (texts_have(&reference->blobs, image->blobs.item[j]))
                return true;
    }
    return false;
}

/* What was pulled from a repository, or pushed to it, the registry has there. */
static char *source_path(const Push *push, const ReferenceRecord *reference) {
    autodone(Reference) parsed = {};
    Error ignored;
    if (!reference->target || reference_parse(reference->name, &parsed, &ignored) < 0 ||
        !text_equal(parsed.domain, push->reference.domain) ||
        text_equal(parsed.path, push->reference.path))
        return NULL;
    return take_ptr(&parsed.path);
}

/* With the mutex held. */
static void list_sources(Push *push) {
    for (size_t i = 0; i < push->images->references && push->sources.n < SOURCES_MAX; i++) {
        const ReferenceRecord *reference = push->images->reference[i];
        autofree char *path = source_path(push, reference);
        if (path && !texts_have(&push->sources, path) && shares_blob(push, reference))
            json_texts_add(&push->sources, path);
    }
}

static void sources_of(void *user, const char *digest, JsonTexts *ret) {
    Push *push = user;
    pthread_mutex_lock(&push->images->mutex);
    for (size_t i = 0; i < push->images->references; i++) {
        const ReferenceRecord *reference = push->images->reference[i];
        autofree char *path = source_path(push, reference);
        if (path && texts_have(&push->sources, path) && !texts_have(ret, path) &&
            texts_have(&reference->blobs, digest))
            json_texts_add(ret, path);
    }
    pthread_mutex_unlock(&push->images->mutex);
}

static int find_tags(Push *push, Error *err) {
    pthread_mutex_lock(&push->images->mutex);
    size_t names = list_tagged(push);
    list_sources(push);
    pthread_mutex_unlock(&push->images->mutex);
    /* what is on its way stays, whatever is removed meanwhile */
    for (size_t i = 0; i < push->n; i++)
        lease_add_image(push->images, push->lease, push->tagged[i].id);
    if (push->n > 0)
        return 0;
    autofree char *name = reference_familiar_name(&push->reference);
    autofree char *whole = reference_familiar(&push->reference);
    if (names == 0)
        return error_set(
            err, ERROR_NOT_FOUND, "An image does not exist locally with the tag: %s", name);
    return push->request->all ? error_set(err, ERROR_NOT_FOUND, "no tags to push for %s", name)
                              : error_set(err, ERROR_NOT_FOUND, "tag does not exist: %s", whole);
}

static int tell(const Push *push, const PushProgress *progress, Error *err) {
    const ImagePush *request = push->request;
    return !request->listener || request->listener(request->user, progress) >= 0
               ? 0
               : error_set(err, ERROR_CANCELLED, "cancelled");
}

static int relay(void *user, const PushProgress *progress) {
    const ImagePush *request = ((Push *)user)->request;
    bool shown = progress->kind && text_equal(progress->kind, "layer");
    return shown && request->listener ? request->listener(request->user, progress) : 0;
}

/* What goes up: all that the name means, where all of it is here; else the part that is. */
static int choose(Push *push, const Tagged *tagged, char ret[DIGEST_TEXT_SIZE], Error *err) {
    Content *content = push->images->content;
    const char *target = tagged->target ? tagged->target : tagged->manifest;
    if (!text_is_empty(push->request->platform))
        return send_choose(content, target, &push->platform, ret, err);
    bool whole = text_equal(target, tagged->manifest) || send_is_whole(content, target);
    snprintf(ret, DIGEST_TEXT_SIZE, "%s", whole ? target : tagged->manifest);
    const PushProgress partial = {.phase = PUSH_PARTIAL, .from = target, .digest = ret};
    return whole ? 0 : tell(push, &partial, err);
}

/* With the mutex held: the registry now has the image under the tag and the digest. */
static int note_locked(Push *push, const Tagged *tagged, const char *digest, Error *err) {
    const ImageRecord *image = record_find_image(push->images, tagged->id);
    if (!image)
        return 0; /* removed meanwhile */
    autofree char *pinned = text_format("%s@%s", push->repository, digest);
    const char *names[] = {pinned, tagged->name};
    for (size_t i = 0; i < array_size(names); i++) {
        const ReferenceRecord *old = record_find_reference(push->images, names[i]);
        if ((old && old->target) || (!old && i > 0))
            continue;
        autoptr(ReferenceRecord) record = new (ReferenceRecord);
        record->name = text_copy(names[i]);
        record->image = text_copy(tagged->id);
        record->target = text_copy(digest);
        record->added = old ? old->added : (JsonInt){true, time_now()};
        for (size_t j = 0; j < image->blobs.n; j++)
            json_texts_add(&record->blobs, image->blobs.item[j]);
        autofree char *json = register_encode_reference(record);
        TRY(store_put(push->images->store, STORE_REFERENCE, record->name, json, err));
        record_keep_reference(push->images, take_ptr(&record));
    }
    return 0;
}

static int note(Push *push, const Tagged *tagged, const char *digest, Error *err) {
    pthread_mutex_lock(&push->images->mutex);
    int code = note_locked(push, tagged, digest, err);
    pthread_mutex_unlock(&push->images->mutex);
    return code;
}

static int push_tag(Push *push, const Tagged *tagged, Error *err) {
    char digest[DIGEST_TEXT_SIZE];
    const Send send = {
        .images = push->images,
        .registry = push->registry,
        .sources = sources_of,
        .listener = relay,
        .user = push,
    };
    autodone(JsonTexts) warnings = {};
    PushProgress done = {
        .phase = PUSH_DONE, .tag = tagged->tag, .digest = digest, .warnings = &warnings};
    TRY(choose(push, tagged, digest, err));
    TRY(send_tree(&send, digest, NULL, tagged->tag, &done.total, err));
    TRY(note(push, tagged, digest, err));
    autofree char *name = text_format("%s:%s", push->repository, tagged->tag);
    image_event(push->images, "push", tagged->id, name);
    registry_warnings(push->registry, &warnings);
    return tell(push, &done, err);
}

static int push_tags(Push *push, Error *err) {
    const PushProgress begin = {.phase = PUSH_REPOSITORY, .repository = push->repository};
    TRY(find_tags(push, err));
    TRY(tell(push, &begin, err));
    TRY(registry_open(push->images->registry, &push->reference, push->request->credentials,
        &push->registry, err));
    registry_allow_push(push->registry, &push->sources);
    for (size_t i = 0; i < push->n; i++)
        TRY(push_tag(push, &push->tagged[i], err));
    return 0;
}

static bool has_tag(const char *reference) {
    const char *slash = strrchr(reference, '/');
    return strchr(slash ? slash : reference, ':');
}

static int run(Push *push, Error *err) {
    const ImagePush *request = push->request;
    TRY(platform_parse(request->platform, &push->platform, err));
    TRY(reference_parse(request->reference, &push->reference, err));
    if (push->reference.digest)
        return error_set(err, ERROR_INVALID, "cannot push a digest reference");
    if (request->all && has_tag(request->reference))
        return error_set(err, ERROR_INVALID, "tag can't be used with --all-tags/-a");
    push->repository = reference_name(&push->reference);
    text_random_hex(push->lease + snprintf(push->lease, sizeof(push->lease), "push:"), 8);
    lease_begin(push->images, push->lease);
    int code = push_tags(push, err);
    lease_end(push->images, push->lease);
    return code;
}

int image_push(Images *images, const ImagePush *request, Error *err) {
    Push push = {.request = request, .images = images};
    int code = run(&push, err);
    registry_close(push.registry);
    reference_done(&push.reference);
    json_texts_done(&push.sources);
    free(push.repository);
    for (size_t i = 0; i < push.n; i++) {
        free(push.tagged[i].name);
        free(push.tagged[i].tag);
        free(push.tagged[i].id);
        free(push.tagged[i].manifest);
        free(push.tagged[i].target);
    }
    free(push.tagged);
    return code;
}
