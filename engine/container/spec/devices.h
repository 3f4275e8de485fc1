// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/error.h"
#include "base/json.h"

/* The host's device nodes (OciDevice), for privileged containers: everything below /dev but what
 * each container has of its own (pts, shm, mqueue, console). */
int devices_list(JsonObjects *ret, Error *err);
void devices_done(JsonObjects *devices);
