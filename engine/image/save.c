// SPDX-License-Identifier: Apache-2.0
#include "engine/image/save.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/image/lease.h"
#include "engine/image/name.h"
#include "engine/image/register.h"
#include "engine/image/send.h"

/* What was asked for, while the records are looked at. */
typedef struct Choice {
    Images *images;
    const ImageSave *request;
    char lease[32];
    ArchiveImage *image;
    char **manifest; /* of each: the part that is here for certain */
    size_t n;
} Choice;

/* With the mutex held: one entry for an image and what its name means, with all its names. */
static void add(Choice *choice, const ImageRecord *record, const ReferenceRecord *reference) {
    const char *target = reference && reference->target ? reference->target : record->manifest;
    size_t i = 0;
    while (i < choice->n && (!text_equal(choice->image[i].target, target) ||
                                !text_equal(choice->manifest[i], record->manifest)))
        i++;
    if (i == choice->n) {
        size_t n = choice->n;
        ArchiveImage image = {};
        snprintf(image.target, sizeof(image.target), "%s", target);
        snprintf(image.manifest, sizeof(image.manifest), "%s", record->manifest);
        array_append(choice->image, n, image);
        array_append(choice->manifest, choice->n, text_copy(record->manifest));
    }
    if (reference && !texts_have(&choice->image[i].names, reference->name))
        json_texts_add(&choice->image[i].names, reference->name);
}

static bool has_version(const char *name) {
    const char *slash = strrchr(name, '/');
    return strchr(slash ? slash : name, ':') || strchr(name, '@');
}

/* With the mutex held: all tags of a repository; returns whether there were any. */
static bool add_repository(Choice *choice, const char *name) {
    autodone(Reference) wanted = {};
    Error ignored;
    bool any = false;
    if (has_version(name) || reference_parse(name, &wanted, &ignored) < 0)
        return false;
    autofree char *repository = reference_name(&wanted);
    for (size_t i = 0; i < choice->images->references; i++) {
        const ReferenceRecord *reference = choice->images->reference[i];
        autodone(Reference) parsed = {};
        if (reference_parse(reference->name, &parsed, &ignored) < 0 || parsed.digest)
            continue;
        autofree char *its = reference_name(&parsed);
        const ImageRecord *record = record_find_image(choice->images, reference->image);
        if (!record || !text_equal(its, repository))
            continue;
        add(choice, record, reference);
        any = true;
    }
    return any;
}

static int choose_locked(Choice *choice, Error *err) {
    for (size_t i = 0; i < choice->request->n; i++) {
        const char *name = choice->request->names[i];
        NameMatch match;
        if (add_repository(choice, name))
            continue;
        TRY(name_find(choice->images, name, &match, err));
        add(choice, match.image, match.reference);
    }
    return 0;
}

static int choose(Choice *choice, JsonTexts *ret_ids, Error *err) {
    pthread_mutex_lock(&choice->images->mutex);
    int code = choose_locked(choice, err);
    for (size_t i = 0; code == 0 && i < choice->images->images; i++)
        for (size_t j = 0; j < choice->n; j++)
            if (text_equal(choice->images->image[i]->manifest, choice->manifest[j]))
                json_texts_add(ret_ids, choice->images->image[i]->id);
    pthread_mutex_unlock(&choice->images->mutex);
    return code;
}

/* All that a name means, where all is here; else the part that is. */
static int settle(Choice *choice, Error *err) {
    Content *content = choice->images->content;
    Platform platform;
    TRY(platform_parse(choice->request->platform, &platform, err));
    for (size_t i = 0; i < choice->n; i++) {
        char *target = choice->image[i].target;
        if (!text_is_empty(choice->request->platform)) {
            TRY(send_choose(content, target, &platform, target, err));
            memcpy(choice->image[i].manifest, target, DIGEST_TEXT_SIZE);
        } else if (!send_is_whole(content, target))
            snprintf(target, DIGEST_TEXT_SIZE, "%s", choice->manifest[i]);
    }
    return 0;
}

static int save(Choice *choice, Error *err) {
    autodone(JsonTexts) ids = {};
    const ImageSave *request = choice->request;
    TRY(choose(choice, &ids, err));
    for (size_t i = 0; i < ids.n; i++)
        lease_add_image(choice->images, choice->lease, ids.item[i]);
    TRY(settle(choice, err));
    const Archive archive = {
        .content = choice->images->content,
        .image = choice->image,
        .n = choice->n,
        .platform = request->platform,
        .writer = request->writer,
        .user = request->user,
    };
    TRY(archive_write(&archive, err));
    for (size_t i = 0; i < ids.n; i++)
        image_event(choice->images, "save", ids.item[i], NULL);
    return 0;
}

int image_save(Images *images, const ImageSave *request, Error *err) {
    Choice choice = {.images = images, .request = request};
    text_random_hex(choice.lease + snprintf(choice.lease, sizeof(choice.lease), "save:"), 8);
    lease_begin(images, choice.lease);
    int code = save(&choice, err);
    lease_end(images, choice.lease);
    for (size_t i = 0; i < choice.n; i++) {
        json_texts_done(&choice.image[i].names);
        free(choice.manifest[i]);
    }
    free(choice.image);
    free(choice.manifest);
    return code;
}
