// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "engine/event/event.h"
#include "engine/store/store.h"

/* Directories that outlive the containers that use them: ROOT/volumes/NAME/_data. Any thread. Who
 * uses a volume is asked of the containers' records each time and counted nowhere. */
typedef struct Volumes Volumes;

/* What is remembered of one; the upper part never changes. */
typedef struct Volume {
    char *name;
    JsonInt created; /* ns */
    JsonMap labels, options;
    JsonBool removing; /* removal has begun: the next start ends it */
    /* from here on not stored, and engine/volume's own */
    atomic_int references;
    pthread_mutex_t operation; /* held by whoever changes it, also over I/O */
    JsonTexts holders;         /* ids of containers that have it mounted; under operation */
    bool gone;                 /* under operation: removed while somebody waited */
    bool listed;               /* under Volumes.mutex: false while it is made or removed */
} Volume;

Volume *volume_ref(Volume *volume);
void volume_unref(Volume *volume);
CLEANUP_DEFINE(Volume, volume_unref)

typedef struct VolumeList {
    size_t n;
    Volume **item; /* by name */
} VolumeList;
void volume_list_done(VolumeList *list);
CLEANUP_DEFINE_DONE(VolumeList, volume_list_done)

/* Docker's label of a volume that nobody named. */
#define VOLUME_ANONYMOUS "com.docker.volume.anonymous"

/* Opens ROOT/volumes and ends what a killed engine had begun. The rest is borrowed. */
int volumes_open(const char *root, Store *store, Events *events, Volumes **ret, Error *err);
void volumes_close(Volumes *volumes);
CLEANUP_DEFINE(Volumes, volumes_close)

/* The ids of all containers, running or not, whose records name the volume; NULL: nobody. */
typedef void VolumeUsers(void *user, const char *name, JsonTexts *ret);
void volumes_set_users(Volumes *volumes, VolumeUsers *users, void *user);
void volume_users(Volumes *volumes, const char *name, JsonTexts *ret);

/* ERROR_INVALID in Docker's words. */
int volume_name_check(const char *name, Error *err);
void volume_name_generate(char ret[65]);

/* ROOT/volumes/NAME/_data; new string. */
char *volume_path(const Volumes *volumes, const char *name);
char *volume_path_in(const char *root, const char *name);

/* One that exists already, whatever its options, is success, as with Docker. */
typedef struct VolumeCreate {
    const char *name;                /* NULL or "": generated, and labelled as anonymous */
    const char *driver;              /* NULL or "": "local", the only one */
    const JsonMap *labels, *options; /* may be NULL */
    bool anonymous;                  /* has a name, and is to be labelled all the same */
} VolumeCreate;
int volume_create(Volumes *volumes, const VolumeCreate *create, Volume **ret, Error *err);

int volume_find(Volumes *volumes, const char *name, Volume **ret, Error *err); /* NOT_FOUND */
void volume_list(Volumes *volumes, VolumeList *ret);
bool volume_is_anonymous(const Volume *volume);

/* ERROR_STATE: containers other than `except` (may be NULL) use it. */
int volume_remove(Volumes *volumes, const char *name, const char *except, Error *err);

/* Bytes on the disk of ROOT, as du counts. */
int volume_usage(Volumes *volumes, const Volume *volume, uint64_t *ret, Error *err);

/* A container is about to use it, and does no more; both any number of times. What the volume's
 * options name is mounted with the first, unmounted with the last. */
typedef struct VolumeUse {
    const char *name, *container, *target, *propagation;
    bool read_only;
} VolumeUse;
int volume_hold(Volumes *volumes, const VolumeUse *use, Error *err);
void volume_release(Volumes *volumes, const VolumeUse *use);

/* What is at this place in the volume, O_PATH; symlinks lead nowhere but within it. NOT_FOUND in
 * Docker's words. */
int volume_open_subpath(
    Volumes *volumes, const char *name, const char *subpath, int *ret_fd, Error *err);

/* The engine has started: containers that run on hold it still, without anything being mounted;
 * then what nobody holds is unmounted. */
void volume_adopt(Volumes *volumes, const char *name, const char *container);
void volumes_settle(Volumes *volumes);

/* Copies what the directory `from` holds into the volume, with the directory's own owner, mode and
 * attributes, if the volume is empty. Whole or, after a kill, ended by the next start. */
int volume_fill(Volumes *volumes, const char *name, int from, Error *err);
