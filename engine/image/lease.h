// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/image/record.h"

/* Holding on to what is being brought in (record.h, LeaseRecord). Add first, then look whether the
 * thing is there: so no sweep comes between. Private to engine/image; takes Images.mutex. */
void lease_begin(Images *images, const char *name);
void lease_add_blob(Images *images, const char *name, const char *digest);
void lease_add_chain(Images *images, const char *name, const char *chain_id);

/* All that an image and its names need. */
void lease_add_image(Images *images, const char *name, const char *id);

/* Writes it down: from here on it outlives the engine. */
int lease_save(Images *images, const char *name, Error *err);

/* A lease that was never saved goes with its last user. */
void lease_end(Images *images, const char *name);

/* Nobody will come back to it. */
void lease_abandon(Images *images, const char *name);
