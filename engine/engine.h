// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/cleanup.h"
#include "base/error.h"
#include "engine/config.h"

/* All parts of a running engine, started and ended in the order of one table. Every start is a
 * recovery: there is no other path. Ending leaves containers alone. */
typedef struct Engine Engine;

/* Returns when calls are served and the service manager was told so. config is borrowed.
 * ERROR_EXISTS: another engine uses this root or state. */
int engine_start(const Config *config, Engine **ret, Error *err);
void engine_stop(Engine *engine);
CLEANUP_DEFINE(Engine, engine_stop)
