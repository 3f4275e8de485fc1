// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/image/collect.h"
#include "engine/image/name.h"
#include "engine/image/register.h"

/* `rmi` as Docker does it: a name is only untagged while others are left; the last one takes the
 * image along, unless a container or another image stands on it. */
typedef struct Removal {
    bool pruning; /* only if it has no name */
    const ImageRemove *request;
    char *id;
    char *name;      /* canonical of what the user named; NULL: an id */
    JsonTexts names; /* canonical, of all references to the image */
    JsonTexts going; /* those of them that are removed */
    bool whole;      /* the image goes too */
    bool child;      /* another image was made from it here */
    ImageUse use;
    char container[65];
    char *parent; /* id; NULL: none */
} Removal;

static void removal_free(Removal *removal) {
    free(removal->id);
    free(removal->name);
    free(removal->parent);
    json_texts_done(&removal->names);
    json_texts_done(&removal->going);
}
CLEANUP_DEFINE_DONE(Removal, removal_free)

static char *familiar_of(const char *canonical, bool with_version) {
    autodone(Reference) reference = {};
    Error ignored;
    if (reference_parse(canonical, &reference, &ignored) < 0)
        return text_copy(canonical);
    return with_version ? reference_familiar(&reference) : reference_familiar_name(&reference);
}

static bool is_tag(const char *canonical) {
    return !strchr(canonical, '@');
}

/* With the mutex held. */
static int look_up(Images *images, const char *name, Removal *ret, Error *err) {
    NameMatch match;
    TRY(name_find(images, name, &match, err));
    ret->id = text_copy(match.image->id);
    ret->name = match.reference ? text_copy(match.reference->name) : NULL;
    for (size_t i = 0; i < images->references; i++)
        if (text_equal(images->reference[i]->image, ret->id))
            json_texts_add(&ret->names, images->reference[i]->name);
    texts_sort(&ret->names);
    for (size_t i = 0; i < images->images; i++)
        ret->child |= text_equal(images->image[i]->parent, ret->id);
    ret->parent = text_copy(match.image->parent);
    return 0;
}

static bool same_repository(const char *a, const char *b) {
    autofree char *x = familiar_of(a, false), *y = familiar_of(b, false);
    return text_equal(x, y);
}

static bool has_other_tag(const Removal *removal) {
    for (size_t i = 0; i < removal->names.n; i++) {
        const char *other = removal->names.item[i];
        if (is_tag(other) && !text_equal(other, removal->name) &&
            same_repository(other, removal->name))
            return true;
    }
    return false;
}

/* With the last tag of a repository its digests go too: they came with it. */
static void list_going(Removal *removal) {
    bool digests_too = removal->name && is_tag(removal->name) && !has_other_tag(removal);
    if (removal->name)
        json_texts_add(&removal->going, removal->name);
    for (size_t i = 0; i < removal->names.n; i++) {
        const char *name = removal->names.item[i];
        if (!removal->name ||
            (digests_too && !is_tag(name) && same_repository(name, removal->name)))
            json_texts_add(&removal->going, name);
    }
    removal->whole = removal->going.n == removal->names.n;
}

static bool in_one_repository(const Removal *removal) {
    for (size_t i = 1; i < removal->names.n; i++)
        if (!same_repository(removal->names.item[0], removal->names.item[i]))
            return false;
    return true;
}

static size_t count_tags(const Removal *removal) {
    size_t n = 0;
    for (size_t i = 0; i < removal->names.n; i++)
        n += is_tag(removal->names.item[i]);
    return n;
}

static int refuse_name(const Removal *removal, Error *err) {
    return error_set(err, ERROR_STATE,
        "conflict: unable to remove repository reference \"%s\" (must force) - container %.12s is"
        " using its referenced image %.12s",
        removal->request->name, removal->container, removal->id + 7);
}

static int refuse_image(const Removal *removal, const char *force, const char *why, Error *err) {
    return error_set(err, ERROR_STATE, "conflict: unable to delete %.12s (%s) - %s",
        removal->id + 7, force, why);
}

/* Docker's order. Hard: a child or a running container; a force takes the rest away. */
static int check_image(const Removal *removal, bool names_matter, Error *err) {
    bool force = removal->request->force;
    autofree char *used = text_format("image is being used by %s container %.12s",
        removal->use == IMAGE_RUNNING ? "running" : "stopped", removal->container);
    if (removal->child)
        return refuse_image(removal, "cannot be forced", "image has dependent child images", err);
    if (removal->use == IMAGE_RUNNING)
        return refuse_image(removal, "cannot be forced", used, err);
    if (names_matter && !force && removal->names.n > 0)
        return refuse_image(
            removal, "must be forced", "image is referenced in multiple repositories", err);
    if (removal->use == IMAGE_USED && !force)
        return refuse_image(removal, "must be forced", used, err);
    return 0;
}

/* A tag, and digests of its repository. */
static bool has_one_name(const Removal *removal) {
    return removal->names.n > 0 && in_one_repository(removal) && count_tags(removal) <= 1;
}

/* A name goes whatever hinders the image from going; then the image stays, without a name. */
static int decide(Removal *removal, Error *err) {
    Error ignored;
    list_going(removal);
    if (!removal->name)
        return check_image(removal, removal->pruning || !has_one_name(removal), err);
    if (has_one_name(removal) && removal->use != IMAGE_UNUSED && !removal->request->force)
        return refuse_name(removal, err);
    removal->whole = removal->whole && check_image(removal, false, &ignored) == 0;
    return 0;
}

static int apply_locked(Images *images, const Removal *removal, Error *err) {
    autofree StoreChange *changes = new_array(StoreChange, removal->going.n + 1);
    size_t n = 0;
    for (; n < removal->going.n; n++)
        changes[n] = (StoreChange){STORE_REFERENCE, removal->going.item[n], NULL};
    if (removal->whole)
        changes[n++] = (StoreChange){STORE_IMAGE, removal->id, NULL};
    TRY(store_apply(images->store, changes, n, err));
    for (size_t i = 0; i < n; i++)
        if (changes[i].table == STORE_REFERENCE)
            record_drop_reference(images, changes[i].key);
    if (removal->whole)
        record_drop_image(images, removal->id);
    return 0;
}

/* The container engine is asked without the mutex, so what was looked up is looked up again: a name
 * that meanwhile means another image is left alone. */
static int apply(Images *images, const Removal *removal, Error *err) {
    autodone(Removal) now = {};
    pthread_mutex_lock(&images->mutex);
    int code = look_up(images, removal->request->name, &now, err);
    if (code == 0 && (!text_equal(now.id, removal->id) || now.names.n != removal->names.n ||
                         now.child != removal->child))
        code = error_set(
            err, ERROR_ABORTED, "image %s has just changed: try again", removal->request->name);
    if (code == 0)
        code = apply_locked(images, removal, err);
    pthread_mutex_unlock(&images->mutex);
    return code;
}

static void report(Images *images, const Removal *removal, ImageRemoval *ret) {
    for (size_t i = 0; i < removal->going.n; i++) {
        autofree char *familiar = familiar_of(removal->going.item[i], true);
        json_texts_add(&ret->untagged, familiar);
        image_event(images, "untag", removal->id, familiar);
    }
    if (removal->whole) {
        json_texts_add(&ret->deleted, removal->id);
        image_event(images, "delete", removal->id, NULL);
    }
}

static ImageUse ask_use(Images *images, Removal *removal) {
    return images->in_use ? images->in_use(images->in_use_data, removal->id, removal->container)
                          : IMAGE_UNUSED;
}

static int remove_one(
    Images *images, const ImageRemove *remove, Removal *removal, ImageRemoval *ret, Error *err) {
    removal->request = remove;
    pthread_mutex_lock(&images->mutex);
    int code = look_up(images, remove->name, removal, err);
    pthread_mutex_unlock(&images->mutex);
    TRY(code);
    removal->use = ask_use(images, removal);
    TRY(decide(removal, err));
    TRY(apply(images, removal, err));
    report(images, removal, ret);
    return 0;
}

/* Images that it was made from and that nobody has named go with it, as far as nothing else needs
 * them. */
static void prune_parents(Images *images, const char *parent, ImageRemoval *ret) {
    autofree char *id = text_copy(parent);
    while (id) {
        autodone(Removal) removal = {.pruning = true};
        const ImageRemove remove = {.name = id};
        Error stays;
        if (remove_one(images, &remove, &removal, ret, &stays) < 0)
            return;
        free(id);
        id = take_ptr(&removal.parent);
    }
}

static bool is_blank(const char *name) {
    return name[strspn(name, " \t\r\n\v\f")] == '\0';
}

int image_remove(Images *images, const ImageRemove *remove, ImageRemoval *ret, Error *err) {
    autodone(Removal) removal = {};
    autodone(ImageRemoval) result = {};
    if (is_blank(remove->name))
        return error_set(err, ERROR_INVALID, "image name cannot be blank");
    TRY(remove_one(images, remove, &removal, &result, err));
    if (removal.whole && !remove->no_prune)
        prune_parents(images, removal.parent, &result);
    TRY(collect(images, &result.deleted, err));
    *ret = result;
    result = (ImageRemoval){};
    return 0;
}

int images_sweep(Images *images, Error *err) {
    return collect(images, NULL, err);
}

void image_removal_done(ImageRemoval *removal) {
    json_texts_done(&removal->untagged);
    json_texts_done(&removal->deleted);
}
