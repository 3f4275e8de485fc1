// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "cli/format.h"
#include "proto/tare/v1/container.pb-c.h"

/* What `ps` and `system df` show of containers; items are Tare__V1__ContainerSummary. Sizes are
 * right only if the engine was asked for them. */
extern const FormatNoun container_noun;
