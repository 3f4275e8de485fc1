// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "cli/format.h"
#include "proto/tare/v1/volume.pb-c.h"

/* What `volume ls` and `system df` show of volumes: items are Tare__V1__Volume. */
extern const FormatNoun volume_noun;
