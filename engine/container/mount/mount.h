// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/container/container.h"
#include "engine/container/record.h"

/* What a container has mounted besides its root: binds, volumes and tmpfs, in one list of its
 * settings. The user's words come first; what other containers and the image want is added when the
 * container is created, and from then on all are alike. */
typedef enum MountKind {
    MOUNT_BIND,
    MOUNT_VOLUME,
    MOUNT_TMPFS,
    MOUNT_KINDS
} MountKind;
MountKind mount_kind(const ContainerMount *mount); /* of one that was checked */
const char *mount_kind_name(MountKind kind);

/* The volume's name, or the bind's source; borrowed. NULL or "": a tmpfs. */
const char *mount_name(const ContainerMount *mount);

/* Where it comes from on the host; new string, "" for a tmpfs. */
char *mount_source(const ContainerMount *mount, const char *root);

/* Of the user's words. ERROR_INVALID in Docker's. */
int mounts_check(const ContainerSettings *settings, Error *err);

/* Adds to words that were checked what --volumes-from and the image's VOLUME say, and names volumes
 * that have no name. */
int mounts_complete(Containers *containers, ContainerRecord *record, Error *err);

/* Makes the volumes that are not there, and copies the image's data into empty ones. Under the
 * container's operation, when its snapshot exists. */
int mounts_make(Containers *containers, const ContainerRecord *record, Error *err);

/* What a container has of a volume by its subpath is mounted in the bundle, by descriptor, before
 * anything of the container runs and until the bundle goes: the runtime, which opens paths, then
 * meets no symlink of the volume. */
int mounts_place(Containers *containers, const ContainerRecord *record, Error *err);
int mounts_unplace(const char *bundle, Error *err);  /* absence is success */
char *mount_place(const char *bundle, size_t index); /* of the mount with this index; new string */

/* From before the container's task is made until after it has gone. release undoes what there is
 * of it. adopt: for one that has run on without an engine. */
int mounts_hold(Containers *containers, const ContainerRecord *record, Error *err);
void mounts_release(Containers *containers, const ContainerRecord *record);
void mounts_adopt(Containers *containers, const ContainerRecord *record);

/* Removes anonymous volumes that only this container uses. */
void mounts_remove_volumes(Containers *containers, const ContainerRecord *record);

/* A VolumeUsers of the containers. */
void mounts_users(void *containers, const char *volume, JsonTexts *ret);
