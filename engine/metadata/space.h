// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/metadata/tree.h"

/* Namespaces as a whole. */

/* ERROR_STATE: it is not empty, with containerd's list of what it still has. */
int space_remove(const Trees *trees, const char *space, Error *err);
