// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "base/memory.h"
#include "base/path.h"
#include "base/text.h"
#include "engine/container/mount/mount.h"
#include "engine/volume/volume.h"

static ContainerMount *find(const JsonObjects *mounts, const char *target) {
    ContainerMount *item = mounts->item;
    for (size_t i = 0; i < mounts->n; i++) {
        autofree char *clean = path_clean(item[i].target);
        if (text_equal(clean, target))
            return &item[i];
    }
    return NULL;
}

/* A deep copy by way of the document. */
static void copy_mount(const ContainerMount *from, ContainerMount *to) {
    Error never;
    autofree char *json = json_encode(&container_mount_type, from, 0);
    json_decode(&container_mount_type, json, strlen(json), to, &never);
}

/* "CONTAINER[:MODE]". */
static int read_source(const char *text, char **ret_container, bool *ret_read_only, Error *err) {
    static const char *const modes[] = {"", "ro", "rw", "z", "Z"};
    size_t n = strcspn(text, ":");
    if (n == 0)
        return error_set(
            err, ERROR_INVALID, "volumes-from specification cannot be an empty string");
    autotexts char **words = texts_split(text[n] ? text + n + 1 : "", ',');
    *ret_read_only = false;
    for (size_t i = 0; words[i]; i++) {
        bool known = false;
        for (size_t k = 0; k < array_size(modes); k++)
            known |= text_equal(words[i], modes[k]);
        if (!known)
            return error_set(err, ERROR_INVALID, "invalid mode: %s", words[i]);
        *ret_read_only |= text_equal(words[i], "ro");
    }
    *ret_container = text_copy_n(text, n);
    return 0;
}

/* The user's own mounts win, and then the last source. */
static void inherit(const ContainerMount *from, bool read_only, JsonObjects *own, size_t own_n) {
    const JsonObjects first = {own_n, own->item};
    autofree char *target = path_clean(from->target);
    if (find(&first, target))
        return;
    ContainerMount *to = find(own, target);
    if (to)
        json_done(&container_mount_type, to);
    else
        to = json_objects_add(own, &container_mount_type);
    copy_mount(from, to);
    free(to->origin);
    to->origin = text_copy(MOUNT_ORIGIN_CONTAINER);
    to->read_only = (JsonBool){true, from->read_only.value || read_only};
    to->no_copy = (JsonBool){true, true};
    to->strict = (JsonBool){};
}

static int add_sources(Containers *containers, ContainerSettings *settings, Error *err) {
    size_t own = settings->mounts.n;
    for (size_t i = 0; i < settings->volumes_from.n; i++) {
        autofree char *name = NULL;
        autoptr(ContainerRecord) source = NULL;
        bool read_only;
        TRY(read_source(settings->volumes_from.item[i], &name, &read_only, err));
        TRY(container_find(containers, name, &source, err));
        const ContainerMount *item = source->settings->mounts.item;
        for (size_t k = 0; k < source->settings->mounts.n; k++)
            inherit(&item[k], read_only, &settings->mounts, own);
    }
    return 0;
}

/* Nothing but a place: all else of it is ours (rule G). What is in the kernel's own file systems is
 * no image's to cover. */
static int add_declared(const char *path, JsonObjects *mounts, Error *err) {
    autofree char *rooted = path_join("/", path), *target = path_clean(rooted);
    if (text_equal(target, "/"))
        return error_set(err, ERROR_INVALID,
            "the image's volume '%s': invalid specification: destination can't be '/'", path);
    if (path_is_within(target, "/proc"))
        return error_set(err, ERROR_INVALID,
            "the image's volume '%s': it cannot be mounted because it is inside /proc", path);
    if (find(mounts, target))
        return 0;
    ContainerMount *mount = json_objects_add(mounts, &container_mount_type);
    mount->type = text_copy(mount_kind_name(MOUNT_VOLUME));
    mount->target = text_copy(target);
    mount->origin = text_copy(MOUNT_ORIGIN_IMAGE);
    return 0;
}

static void name_volumes(const JsonObjects *mounts) {
    ContainerMount *item = mounts->item;
    for (size_t i = 0; i < mounts->n; i++) {
        char name[65];
        if (mount_kind(&item[i]) != MOUNT_VOLUME || !text_is_empty(item[i].volume))
            continue;
        volume_name_generate(name);
        free(item[i].volume);
        item[i].volume = text_copy(name);
        item[i].anonymous = (JsonBool){true, true};
    }
}

int mounts_complete(Containers *containers, ContainerRecord *record, Error *err) {
    ContainerSettings *settings = record->settings;
    const JsonObjectMap *declared = &record->image->config->volumes;
    TRY(add_sources(containers, settings, err));
    for (size_t i = 0; i < declared->n; i++)
        TRY(add_declared(declared->key[i], &settings->mounts, err));
    name_volumes(&settings->mounts);
    return mounts_check(settings, err);
}
