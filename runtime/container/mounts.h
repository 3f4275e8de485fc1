// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "runtime/container/container.h"

/* `mounts add` and `mounts remove`: mounts (OciMount) of a container that lives. Afterwards this
 * process is in the container's namespaces. Nothing is remembered: the configuration stays. */
int container_add_mounts(const Container *container, JsonObjects *mounts, Error *err);
int container_remove_mounts(const Container *container, const JsonObjects *mounts, Error *err);
