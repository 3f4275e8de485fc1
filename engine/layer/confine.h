// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/error.h"

/* Takes from this process what extraction does not need, before it reads a byte of the layer: the
 * machine's files, new privileges, all capabilities but those that make files as a layer says. One
 * thread only. *tree is replaced by a descriptor of the same directory whose ".." is itself.
 * Steps that need root are left out without it. */
int confine(int *tree, Error *err);
