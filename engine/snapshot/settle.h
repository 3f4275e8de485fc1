// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>

#include "engine/snapshot/snapshot.h"

/* A layer's record may reach the disk before the layer's files do. Until syncfs(2) has returned,
 * the record bears the id of the boot in which it was made; after another boot such a layer does
 * not count (docs/decisions/0015). Private to engine/snapshot. */
typedef struct Settler Settler;

/* The kernel's id of this boot; the caller's. */
int settle_boot(char **ret, Error *err);

/* At the start: forgets layers of an earlier boot that were never settled, and all layers on them.
 */
int settle_forget_lost(Snapshots *snapshots, Error *err);

/* Settles in a thread of its own, a moment after the last wake-up. */
int settler_open(Snapshots *snapshots, Settler **ret, Error *err);
void settler_wake(Settler *settler);
void settler_close(Settler *settler); /* what is not settled yet stays marked */
