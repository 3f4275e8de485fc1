// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/volume/private.h"

/* The volumes in memory, for this folder. Under Volumes.mutex: */
Volume *volumes_get(Volumes *volumes, const char *name); /* a reference, or NULL */
void volumes_add(Volumes *volumes, Volume *volume);

/* They take the mutex. */
void volumes_drop(Volumes *volumes, Volume *volume);
void volumes_show(Volumes *volumes, Volume *volume, bool listed);

/* life.c, of a volume that is nobody else's yet, or under its operation. erase: the rest of a
 * removal. restore: makes what is not there of one that has a record, ends a fill, shows it. */
int volume_erase(Volumes *volumes, Volume *volume, Error *err);
int volume_restore(Volumes *volumes, Volume *volume, Error *err);

/* Directories that have no record get one. */
void volumes_adopt_directories(Volumes *volumes);
