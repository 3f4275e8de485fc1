// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/volume/volume.h"

/* Docker's GET /volumes/{name} as JSON text. New string. */
char *docker_volume_inspect(const Volume *volume, const char *mountpoint);
