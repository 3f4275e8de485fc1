// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/container/container.h"
#include "engine/filter/pair.h"
#include "engine/image/image.h"

/* `ps --filter`. Objects are ContainerRecords; all borrowed. ERROR_NOT_FOUND: a container that
 * others are compared with. */
typedef struct ContainerFilterContext {
    Images *images;
    Containers *containers;
} ContainerFilterContext;
PairFilter filter_of_containers(
    const ContainerFilterContext *context, char *const *texts, size_t n);

/* So that containers which do not run are looked at, too. */
bool filter_asks_for_state(const PairFilter *filter);
