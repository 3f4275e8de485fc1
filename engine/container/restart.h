// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/container/private.h"

/* Restart policies (docs/decisions/0011). The shim restarts; here its news become the record, the
 * user's stop becomes the end of the policy, and what died with its shim is started again. */
bool restart_is_set(const ContainerSettings *settings);
/* Whether the shim has more to tell than the end: restarts, health, processes killed by a memory
 * limit. */
bool restart_is_watched(const ContainerRecord *record);
int restart_check(const ContainerSettings *settings, Error *err);

/* Under operation: what the shim does after revision `seen` becomes the record. */
int restart_watch(Containers *containers, Container *container, uint64_t seen, Error *err);
void restart_heard(Containers *containers, const MonitorWatch *watch, const TaskChange *change);

int restart_tell_shim(
    Containers *containers, const char *id, const char *policy, unsigned retries, Error *err);

/* The user wants it to stop. Takes operation. */
void restart_give_up(Containers *containers, Container *container);

/* revive.c: waits for the thread of containers_revive, after containers_interrupt. */
void revive_join(Containers *containers);
