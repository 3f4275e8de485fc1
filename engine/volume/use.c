// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/volume/list.h"

static size_t holder_of(const Volume *volume, const char *container) {
    size_t i = 0;
    while (i < volume->holders.n && !text_equal(volume->holders.item[i], container))
        i++;
    return i;
}

static bool drop_holder(Volume *volume, const char *container) {
    JsonTexts *holders = &volume->holders;
    size_t at = holder_of(volume, container);
    if (at == holders->n)
        return false;
    free(holders->item[at]);
    array_remove(holders->item, holders->n, at);
    holders->item[holders->n] = NULL;
    return true;
}

/* In Docker's words. */
static void publish(Volumes *volumes, const VolumeUse *use, const char *action, bool mounted) {
    Event event = {.type = "volume", .action = action, .id = use->name};
    json_map_set(&event.attributes, "container", use->container);
    json_map_set(&event.attributes, "driver", "local");
    if (mounted) {
        json_map_set(&event.attributes, "destination", use->target);
        json_map_set(&event.attributes, "propagation", use->propagation ? use->propagation : "");
        json_map_set(&event.attributes, "read/write", use->read_only ? "false" : "true");
    }
    event_publish(volumes->events, &event);
    json_map_done(&event.attributes);
}

static int mount_options(Volumes *volumes, const Volume *volume, Error *err) {
    VolumeOptions options;
    TRY(volume_options_read(&volume->options, &options, err));
    return volume_mount(volumes, volume->name, &options, err);
}

static int check_here(const Volume *volume, Error *err) {
    return volume->gone || volume->removing.value
               ? error_set(err, ERROR_NOT_FOUND, "get %s: no such volume", volume->name)
               : 0;
}

static int hold_locked(Volumes *volumes, Volume *volume, const char *container, Error *err) {
    TRY(check_here(volume, err));
    if (!place_exists(volumes, volume->name))
        TRY(volume_restore(volumes, volume, err));
    TRY(mount_options(volumes, volume, err));
    if (holder_of(volume, container) == volume->holders.n)
        json_texts_add(&volume->holders, container);
    return 0;
}

int volume_hold(Volumes *volumes, const VolumeUse *use, Error *err) {
    autoptr(Volume) volume = NULL;
    TRY(volume_find(volumes, use->name, &volume, err));
    pthread_mutex_lock(&volume->operation);
    int r = hold_locked(volumes, volume, use->container, err);
    pthread_mutex_unlock(&volume->operation);
    if (r < 0)
        return error_prefix(err, "error while mounting volume '%s'", use->name);
    publish(volumes, use, "mount", true);
    return 0;
}

static int open_subpath_locked(
    Volumes *volumes, Volume *volume, const char *subpath, int *ret_fd, Error *err) {
    autoclose int data = -1;
    Error why = {};
    TRY(check_here(volume, err));
    TRY(mount_options(volumes, volume, err));
    TRY(place_open_data(volumes, volume->name, &data, err));
    if (file_open_in(data, subpath, O_PATH, 0, ret_fd, &why) >= 0)
        return 0;
    autofree char *path = volume_path(volumes, volume->name);
    return error_set(err, why.code, "cannot access path %s/%s: %s", path, subpath,
        why.sys ? strerrordesc_np(why.sys) : why.message);
}

int volume_open_subpath(
    Volumes *volumes, const char *name, const char *subpath, int *ret_fd, Error *err) {
    autoptr(Volume) volume = NULL;
    TRY(volume_find(volumes, name, &volume, err));
    pthread_mutex_lock(&volume->operation);
    int r = open_subpath_locked(volumes, volume, subpath, ret_fd, err);
    if (volume->holders.n == 0)
        volume_unmount(volumes, volume->name);
    pthread_mutex_unlock(&volume->operation);
    return r;
}

void volume_release(Volumes *volumes, const VolumeUse *use) {
    autoptr(Volume) volume = NULL;
    Error gone;
    if (volume_find(volumes, use->name, &volume, &gone) < 0)
        return;
    pthread_mutex_lock(&volume->operation);
    bool held = drop_holder(volume, use->container);
    if (volume->holders.n == 0)
        volume_unmount(volumes, volume->name);
    pthread_mutex_unlock(&volume->operation);
    if (held)
        publish(volumes, use, "unmount", false);
}

void volume_adopt(Volumes *volumes, const char *name, const char *container) {
    autoptr(Volume) volume = NULL;
    Error gone;
    if (volume_find(volumes, name, &volume, &gone) < 0)
        return;
    pthread_mutex_lock(&volume->operation);
    if (holder_of(volume, container) == volume->holders.n)
        json_texts_add(&volume->holders, container);
    pthread_mutex_unlock(&volume->operation);
}

void volumes_settle(Volumes *volumes) {
    autodone(VolumeList) list = {};
    volume_list(volumes, &list);
    for (size_t i = 0; i < list.n; i++) {
        pthread_mutex_lock(&list.item[i]->operation);
        if (list.item[i]->holders.n == 0)
            volume_unmount(volumes, list.item[i]->name);
        pthread_mutex_unlock(&list.item[i]->operation);
    }
}

/* A device may be: then nothing can be put there, and nothing is. */
static bool is_read_only(int data) {
    struct statvfs status;
    return fstatvfs(data, &status) == 0 && (status.f_flag & ST_RDONLY);
}

static int fill_locked(Volumes *volumes, Volume *volume, int from, Error *err) {
    autoclose int place = -1, data = -1;
    VolumeOptions options;
    TRY(check_here(volume, err));
    TRY(volume_options_read(&volume->options, &options, err));
    TRY(volume_mount(volumes, volume->name, &options, err));
    TRY(place_open_data(volumes, volume->name, &data, err));
    if (is_read_only(data))
        return 0;
    /* on another file system the stage has to be there, too */
    TRY(options.device ? place_open_data(volumes, volume->name, &place, err)
                       : place_open(volumes, volume->name, &place, err));
    TRY(fill_finish(place, data, err));
    return fill_is_empty(data) ? fill_tree(place, data, from, err) : 0;
}

int volume_fill(Volumes *volumes, const char *name, int from, Error *err) {
    autoptr(Volume) volume = NULL;
    TRY(volume_find(volumes, name, &volume, err));
    pthread_mutex_lock(&volume->operation);
    int r = fill_locked(volumes, volume, from, err);
    if (volume->holders.n == 0)
        volume_unmount(volumes, volume->name);
    pthread_mutex_unlock(&volume->operation);
    return r < 0 ? error_prefix(err, "cannot copy the image's data into volume '%s'", name) : 0;
}
