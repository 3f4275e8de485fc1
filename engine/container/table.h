// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdint.h>

#include "engine/container/container.h"

/* The containers in memory: what readers see. Only for this folder; the locks are private.h's. */
typedef struct Container Container;

Container *container_ref(Container *container);
void container_unref(Container *container);
CLEANUP_DEFINE(Container, container_unref)

/* All take the mutex themselves. */
int table_add(
    Containers *containers, ContainerRecord *record, bool listed, Container **ret, Error *err);
void table_remove(Containers *containers, Container *container);
void table_show(Containers *containers, Container *container);
bool table_is_listed(Containers *containers, Container *container);
int table_find(Containers *containers, const char *reference, Container **ret, Error *err);
Container **table_all(Containers *containers, size_t *ret_n); /* references; ends with NULL */

/* The current record (a reference), and its replacement: stored first, then shown to readers; takes
 * the record. Under container->operation. */
ContainerRecord *table_record(Containers *containers, Container *container);
int table_update(Containers *containers, Container *container, ContainerRecord *record, Error *err);

/* The same for what has happened already: readers see it even when it cannot be stored. That is
 * made up for when the store takes something again, and at the end of the engine. */
void table_learn(Containers *containers, Container *container, ContainerRecord *record);
void table_save_late(Containers *containers);

/* Waits until the container does not run; timeout in ns, -1 for ever. ERROR_TIMEOUT,
 * ERROR_UNAVAILABLE after containers_interrupt. */
int table_wait_stopped(Containers *containers, Container *container, int64_t timeout, Error *err);
