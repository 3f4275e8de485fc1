// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "oci/runtime.h"

/* The default seccomp profile, moby's as of September 2026: what a container with these bounding
 * capabilities may call on this machine. New; release with the spec that it is put into. */
OciSeccomp *seccomp_default(const JsonTexts *bounding);
