// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdint.h>

#include "base/error.h"

/* Directories whose records are gone, removed by a thread of their own: nobody who removes a
 * container waits for the file system. What a killed engine leaves is swept at the next start. */
typedef struct Trash Trash;

/* dir is borrowed; the directories in it are named by number. */
int trash_open(int dir, Trash **ret, Error *err);

void trash_add(Trash *trash, uint64_t number);

/* Empties it first. NULL is fine. */
void trash_close(Trash *trash);
