// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stddef.h>

#include "base/error.h"

enum {
    CONFINE_CPU_SECONDS = 3600
};

/* What a program may still do afterwards. */
typedef enum Confinement {
    CONFINE_FILL, /* tare-unpack: anything beneath the one tree, but run programs */
    CONFINE_READ, /* tare-pack: read beneath the trees, also overlayfs' own attributes */
} Confinement;

/* Takes from this process what it does not need, before it reads a byte of what others made: the
 * machine's files, new privileges, all capabilities but those that its work wants. One thread only.
 * Each tree is replaced by a descriptor of the same directory whose ".." is itself. Steps that need
 * root are left out without it. */
int confine(Confinement confinement, int *tree, size_t trees, Error *err);
