// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdint.h>

#include "base/error.h"

/* Directories whose records are gone, removed by a thread of their own: nobody who removes a
 * container waits for the file system. What a killed engine leaves is swept at the next start. */
typedef struct Trash Trash;

typedef struct Snapshotter Snapshotter;

int trash_open(Trash **ret, Error *err);

/* The snapshotter is borrowed until the end. */
void trash_add(Trash *trash, const Snapshotter *snapshotter, uint64_t number);

/* Empties it first. NULL is fine. */
void trash_close(Trash *trash);
