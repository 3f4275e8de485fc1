// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "runtime/command/command.h"

/* --regex of kill and delete, as with crun(1): the id is an extended regular expression (regex(7)),
 * and means every container of this root with a part that it matches. */
typedef int EveryContainer(const Globals *globals, const char *id, void *argument, Error *err);

/* Calls `act` for each; one that fails is told, and the first error is returned in the end. */
int every_container(const Globals *globals, const char *expression, EveryContainer *act,
    void *argument, Error *err);
