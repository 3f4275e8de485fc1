// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "engine/container/container.h"
#include "engine/container/table.h"

/* A container is frozen while its files are read, by one reader or by several at a time. Its record
 * says so before it is, and until it is not: an engine that was killed in between resumes at its
 * next start what nobody else wants paused. Who had paused it before wants it paused afterwards. */
typedef struct Hold {
    bool held;
    uint64_t generation; /* of the task */
} Hold;

/* They take the container's operation lock, but not for the time between. ret->held is false for
 * what does not run or is paused already. */
int hold_begin(Containers *containers, Container *container, Hold *ret, Error *err);
void hold_end(Containers *containers, Container *container, const Hold *hold);

/* At the engine's start, under the operation lock: nobody reads any more. */
void hold_recover(Containers *containers, Container *container);
