// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/text.h"
#include "engine/volume/list.h"

/* The list, and what a start finds:
 *
 *   create   a stage made                        swept
 *            record put                          the directory is made now
 *            the stage becomes NAME              the volume exists
 *   remove   record put as "removing"            removed, however far it had come
 *   fill     see fill.c
 *
 * A directory without a record is a volume all the same: a power cut may take the database's last
 * transactions (store.h), and it never takes what users have written. */

static int compare_with_volume(const void *name, const void *item) {
    Volume *const *volume = item;
    return strcmp(name, (*volume)->name);
}

static size_t place_of(const Volumes *volumes, const char *name) {
    return array_place(
        name, volumes->volume, volumes->n, sizeof *volumes->volume, compare_with_volume);
}

Volume *volumes_get(Volumes *volumes, const char *name) {
    size_t at = place_of(volumes, name);
    bool found = at < volumes->n && text_equal(volumes->volume[at]->name, name);
    return found ? volume_ref(volumes->volume[at]) : NULL;
}

void volumes_add(Volumes *volumes, Volume *volume) {
    size_t at = place_of(volumes, volume->name);
    array_insert(volumes->volume, volumes->n, at, volume_ref(volume));
}

void volumes_drop(Volumes *volumes, Volume *volume) {
    pthread_mutex_lock(&volumes->mutex);
    size_t at = place_of(volumes, volume->name);
    bool found = at < volumes->n && volumes->volume[at] == volume;
    if (found)
        array_remove(volumes->volume, volumes->n, at);
    volume->listed = false;
    pthread_mutex_unlock(&volumes->mutex);
    if (found)
        volume_unref(volume);
}

void volumes_show(Volumes *volumes, Volume *volume, bool listed) {
    pthread_mutex_lock(&volumes->mutex);
    volume->listed = listed;
    pthread_mutex_unlock(&volumes->mutex);
}

int volume_find(Volumes *volumes, const char *name, Volume **ret, Error *err) {
    pthread_mutex_lock(&volumes->mutex);
    autoptr(Volume) volume = volumes_get(volumes, name);
    bool listed = volume && volume->listed;
    pthread_mutex_unlock(&volumes->mutex);
    if (!listed)
        return error_set(err, ERROR_NOT_FOUND, "get %s: no such volume", name);
    *ret = take_ptr(&volume);
    return 0;
}

void volume_list(Volumes *volumes, VolumeList *ret) {
    pthread_mutex_lock(&volumes->mutex);
    *ret = (VolumeList){.item = new_array(Volume *, volumes->n + 1)};
    for (size_t i = 0; i < volumes->n; i++)
        if (volumes->volume[i]->listed)
            ret->item[ret->n++] = volume_ref(volumes->volume[i]);
    pthread_mutex_unlock(&volumes->mutex);
}

char *volume_path(const Volumes *volumes, const char *name) {
    return volume_path_in(volumes->root, name);
}

char *volume_path_in(const char *root, const char *name) {
    autofree char *path = path_join(root, "volumes");
    return text_format("%s/%s/" PLACE_DATA, path, name);
}

int volume_usage(Volumes *volumes, const Volume *volume, uint64_t *ret, Error *err) {
    return file_usage(volumes->dir, volume->name, ret, err);
}

void volumes_set_users(Volumes *volumes, VolumeUsers *users, void *user) {
    pthread_mutex_lock(&volumes->mutex);
    volumes->users = users;
    volumes->user = user;
    pthread_mutex_unlock(&volumes->mutex);
}

void volume_users(Volumes *volumes, const char *name, JsonTexts *ret) {
    pthread_mutex_lock(&volumes->mutex);
    VolumeUsers *users = volumes->users;
    void *user = volumes->user;
    pthread_mutex_unlock(&volumes->mutex);
    if (users)
        users(user, name, ret);
}

static int load_one(Volumes *volumes, const StoreRecord *row, Error *err) {
    autoptr(Volume) volume = NULL;
    TRY(volume_decode(row->value, &volume, err));
    if (!text_equal(volume->name, row->key))
        return error_set(err, ERROR_CORRUPT, "the name is not its key");
    TRY(volume_name_check(volume->name, err));
    volumes_add(volumes, volume);
    return volume->removing.value ? volume_erase(volumes, volume, err)
                                  : volume_restore(volumes, volume, err);
}

static int load_all(Volumes *volumes, Error *err) {
    autodone(StoreRecords) rows = {};
    TRY(store_list(volumes->store, STORE_VOLUME, &rows, err));
    for (size_t i = 0; i < rows.n; i++) {
        Error why = {};
        if (load_one(volumes, &rows.item[i], &why) < 0)
            log_error("volume %s: %s", rows.item[i].key, why.message);
    }
    return 0;
}

int volumes_open(const char *root, Store *store, Events *events, Volumes **ret, Error *err) {
    autoptr(Volumes) volumes = new (Volumes);
    autofree char *path = path_join(root, "volumes");
    *volumes = (Volumes){.root = text_copy(root), .store = store, .events = events};
    pthread_mutex_init(&volumes->mutex, NULL);
    volumes->dir = -1;
    TRY(file_make_dirs(path, 0700, err));
    TRY(file_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0, &volumes->dir, err));
    places_sweep(volumes);
    TRY(load_all(volumes, err));
    volumes_adopt_directories(volumes);
    *ret = take_ptr(&volumes);
    return 0;
}

void volumes_close(Volumes *volumes) {
    if (!volumes)
        return;
    for (size_t i = 0; i < volumes->n; i++)
        volume_unref(volumes->volume[i]);
    free(volumes->volume);
    if (volumes->dir >= 0)
        close(volumes->dir);
    pthread_mutex_destroy(&volumes->mutex);
    free(volumes->root);
    free(volumes);
}
