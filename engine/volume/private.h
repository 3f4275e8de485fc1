// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/volume/volume.h"

/* What the files of this folder share. Locks, in this order: Volume.operation, held over I/O;
 * Volumes.mutex, held for a few instructions; then the containers' and the store's. */
struct Volumes {
    char *root;
    int dir; /* ROOT/volumes */
    Store *store;
    Events *events;
    pthread_mutex_t mutex; /* guards what follows */
    Volume **volume;       /* by name */
    size_t n;
    VolumeUsers *users;
    void *user;
};

/* record.c */
Volume *volume_new(void);
char *volume_encode(const Volume *volume);
int volume_decode(const char *text, Volume **ret, Error *err);

/* option.c: what a volume's options ask for. */
typedef struct VolumeOptions {
    const char *type, *device; /* NULL: a directory of ours; borrowed */
    const char *words;         /* of "o"; "" */
    uint64_t size;             /* 0: no limit */
} VolumeOptions;
int volume_options_read(const JsonMap *options, VolumeOptions *ret, Error *err);

/* place.c: directories. A stage is a directory with a name that no volume has; it becomes the
 * volume's by one rename. */
enum {
    PLACE_STAGE_SIZE = 48
};
#define PLACE_DATA "_data"
int place_stage(Volumes *volumes, uint64_t size, char ret[PLACE_STAGE_SIZE], Error *err);
int place_show(Volumes *volumes, const char *stage, const char *name, Error *err);
int place_remove(Volumes *volumes, const char *name, Error *err); /* absence is success */
bool place_exists(const Volumes *volumes, const char *name);
int place_open(const Volumes *volumes, const char *name, int *ret_fd, Error *err); /* NAME */
int place_open_data(const Volumes *volumes, const char *name, int *ret_fd, Error *err);
void places_sweep(Volumes *volumes);

/* mount.c: what the options name, on NAME/_data. */
bool volume_is_mounted(const Volumes *volumes, const char *name);
int volume_mount(
    const Volumes *volumes, const char *name, const VolumeOptions *options, Error *err);
void volume_unmount(const Volumes *volumes, const char *name);

/* fill.c: `place` holds the stage; on the file system of `data`. fill_finish ends a fill that a
 * killed engine had begun. */
int fill_tree(int place, int data, int from, Error *err);
int fill_finish(int place, int data, Error *err);
bool fill_is_empty(int data);
