// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "engine/volume/list.h"

static void publish(Volumes *volumes, const Volume *volume, const char *action) {
    Event event = {.type = "volume", .action = action, .id = volume->name};
    json_map_set(&event.attributes, "driver", "local");
    event_publish(volumes->events, &event);
    json_map_done(&event.attributes);
}

static int put(Volumes *volumes, const Volume *volume, Error *err) {
    autofree char *text = volume_encode(volume);
    return store_put(volumes->store, STORE_VOLUME, volume->name, text, err);
}

static int finish_fill(Volumes *volumes, const char *name, Error *err) {
    autoclose int place = -1, data = -1;
    TRY(place_open(volumes, name, &place, err));
    TRY(place_open_data(volumes, name, &data, err));
    return fill_finish(place, data, err);
}

int volume_restore(Volumes *volumes, Volume *volume, Error *err) {
    VolumeOptions options;
    char stage[PLACE_STAGE_SIZE];
    volume->listed = true;
    TRY(volume_options_read(&volume->options, &options, err));
    if (!place_exists(volumes, volume->name)) {
        TRY(place_stage(volumes, options.size, stage, err));
        return place_show(volumes, stage, volume->name, err);
    }
    return options.device ? 0 : finish_fill(volumes, volume->name, err);
}

int volume_erase(Volumes *volumes, Volume *volume, Error *err) {
    volume_unmount(volumes, volume->name);
    TRY(place_remove(volumes, volume->name, err));
    TRY(store_remove(volumes->store, STORE_VOLUME, volume->name, err));
    volume->gone = true;
    volumes_drop(volumes, volume);
    return 0;
}

/* The record is put between: from then on a start makes the directory again. */
static int make(Volumes *volumes, Volume *volume, Error *err) {
    VolumeOptions options;
    char stage[PLACE_STAGE_SIZE];
    Error ignored;
    TRY(volume_options_read(&volume->options, &options, err));
    if (place_exists(volumes, volume->name))
        return put(volumes, volume, err);
    TRY(place_stage(volumes, options.size, stage, err));
    int r = put(volumes, volume, err);
    if (r == 0 && place_show(volumes, stage, volume->name, err) < 0) {
        r = err->code;
        store_remove(volumes->store, STORE_VOLUME, volume->name, &ignored);
    }
    if (r < 0)
        place_remove(volumes, stage, &ignored);
    return r;
}

static Volume *volume_of(const VolumeCreate *create, const char *name) {
    Volume *volume = volume_new();
    volume->name = text_copy(name);
    volume->created = (JsonInt){true, time_now()};
    for (size_t i = 0; create->labels && i < create->labels->n; i++)
        json_map_set(&volume->labels, create->labels->key[i], create->labels->value[i]);
    for (size_t i = 0; create->options && i < create->options->n; i++)
        json_map_set(&volume->options, create->options->key[i], create->options->value[i]);
    if (create->anonymous || text_is_empty(create->name))
        json_map_set(&volume->labels, VOLUME_ANONYMOUS, "");
    return volume;
}

/* The one of this name, locked; or a new one that is not listed yet. */
static Volume *take(Volumes *volumes, const VolumeCreate *create, const char *name, bool *ret_new) {
    pthread_mutex_lock(&volumes->mutex);
    Volume *volume = volumes_get(volumes, name);
    *ret_new = !volume;
    if (!volume) {
        volume = volume_of(create, name);
        pthread_mutex_lock(&volume->operation); /* free: nobody knows it */
        volumes_add(volumes, volume);
    }
    pthread_mutex_unlock(&volumes->mutex);
    if (!*ret_new)
        pthread_mutex_lock(&volume->operation);
    return volume;
}

static int make_new(Volumes *volumes, Volume *volume, Error *err) {
    int r = make(volumes, volume, err);
    if (r < 0) {
        volume->gone = true;
        volumes_drop(volumes, volume);
        return r;
    }
    volumes_show(volumes, volume, true);
    publish(volumes, volume, "create");
    return 0;
}

/* Once; *ret stays NULL when the volume went while we waited for it. */
static int create_once(
    Volumes *volumes, const VolumeCreate *create, const char *name, Volume **ret, Error *err) {
    bool is_new;
    Volume *volume = take(volumes, create, name, &is_new);
    int r = 0;
    if (is_new)
        r = make_new(volumes, volume, err);
    else if (!volume->gone && volume->removing.value)
        r = volume_erase(volumes, volume, err);
    bool here = r == 0 && !volume->gone;
    pthread_mutex_unlock(&volume->operation);
    if (here)
        *ret = volume;
    else
        volume_unref(volume);
    return r;
}

int volume_create(Volumes *volumes, const VolumeCreate *create, Volume **ret, Error *err) {
    char generated[65];
    VolumeOptions ignored;
    const char *name = create->name;
    Volume *volume = NULL;
    if (text_is_empty(name)) {
        volume_name_generate(generated);
        name = generated;
    }
    if (!text_is_empty(create->driver) && !text_equal(create->driver, "local"))
        return error_set(err, ERROR_NOT_FOUND,
            "create %s: error looking up volume plugin %s: plugin \"%s\" not found", name,
            create->driver, create->driver);
    int r = volume_name_check(name, err);
    if (r == 0 && create->options)
        r = volume_options_read(create->options, &ignored, err);
    while (r == 0 && !volume)
        r = create_once(volumes, create, name, &volume, err);
    if (r < 0)
        return error_prefix(err, "create %s", name);
    *ret = volume;
    return 0;
}

static int check_unused(Volumes *volumes, const char *name, const char *except, Error *err) {
    autodone(JsonTexts) users = {};
    autodone(Text) ids = {};
    volume_users(volumes, name, &users);
    for (size_t i = 0; i < users.n; i++)
        if (!text_equal(users.item[i], except))
            text_append_format(&ids, "%s%s", ids.length ? ", " : "", users.item[i]);
    return ids.length == 0
               ? 0
               : error_set(err, ERROR_STATE, "remove %s: volume is in use - [%s]", name, ids.data);
}

static int remove_locked(Volumes *volumes, Volume *volume, const char *except, Error *err) {
    if (volume->gone)
        return error_set(err, ERROR_NOT_FOUND, "get %s: no such volume", volume->name);
    TRY(check_unused(volumes, volume->name, except, err));
    volume->removing = (JsonBool){true, true};
    int r = put(volumes, volume, err);
    if (r < 0) {
        volume->removing = (JsonBool){};
        return r;
    }
    volumes_show(volumes, volume, false);
    TRY(volume_erase(volumes, volume, err));
    publish(volumes, volume, "destroy");
    return 0;
}

int volume_remove(Volumes *volumes, const char *name, const char *except, Error *err) {
    autoptr(Volume) volume = NULL;
    TRY(volume_find(volumes, name, &volume, err));
    pthread_mutex_lock(&volume->operation);
    int r = remove_locked(volumes, volume, except, err);
    pthread_mutex_unlock(&volume->operation);
    return r;
}

static void adopt(Volumes *volumes, const char *name) {
    struct stat status;
    Error err;
    if (fstatat(volumes->dir, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return;
    autoptr(Volume) volume = volume_of(&(VolumeCreate){.name = name}, name);
    volume->created.value = status.st_ctim.tv_sec * TIME_SECOND + status.st_ctim.tv_nsec;
    volumes_add(volumes, volume);
    if (put(volumes, volume, &err) < 0 || volume_restore(volumes, volume, &err) < 0)
        log_warning("volume %s: %s", name, err.message);
    else
        log_warning("volume %s has no record: it is there all the same", name);
}

void volumes_adopt_directories(Volumes *volumes) {
    Error ignored;
    DIR *stream;
    if (file_open_directory(volumes->dir, ".", &stream, &ignored) < 0)
        return;
    const struct dirent *entry;
    while ((entry = readdir(stream))) {
        const char *name = entry->d_name;
        if (volume_name_check(name, &ignored) < 0 || !place_exists(volumes, name))
            continue;
        autoptr(Volume) known = volumes_get(volumes, name);
        if (!known)
            adopt(volumes, name);
    }
    closedir(stream);
}
