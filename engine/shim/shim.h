// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <protobuf-c/protobuf-c.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"
#include "ttrpc/client.h"

/* Tasks of containerd's clients: any containerd shim (v2 or v3), found by its runtime's name, with
 * a bundle STATE/tasks/NAMESPACE/ID. The engine remembers nothing of them but what lies there: each
 * call connects to the shim anew, and so a new engine has all tasks of the old one.
 *
 *     shim_launch ─► call Create, Start, … Delete ─► shim_remove */
typedef struct Shims {
    const char *state, *root; /* absolute */
} Shims;

typedef struct ShimTask {
    const char *space, *id; /* both are checked identifiers */
} ShimTask;

typedef struct ShimLaunch {
    ShimTask task;
    const char *runtime;             /* "io.containerd.NAME.VERSION" or a path */
    const char *config;              /* config.json */
    const ProtobufCMessage *options; /* of the runtime; NULL: none */
} ShimLaunch;

/* ERROR_EXISTS: there is a task. ERROR_NOT_FOUND: no such shim. */
int shim_launch(const Shims *shims, const ShimLaunch *launch, Error *err);

char *shim_bundle(const Shims *shims, const ShimTask *task); /* its path, a new string */

/* A method of containerd.task; ret_response may be NULL. ERROR_NOT_FOUND: no such task, also when
 * its shim has died: then what it left is removed. Errors of the shim are passed on. */
int shim_call(const Shims *shims, const ShimTask *task, const char *method,
    const ProtobufCMessage *request, ProtobufCMessage **ret_response, Error *err);

/* The same for an answer that may take for ever: begins the call; ttrpc_receive ends it. */
int shim_call_begin(const Shims *shims, const ShimTask *task, const char *method,
    const ProtobufCMessage *request, TtrpcClient **ret, Error *err);

/* Ends the shim and removes the bundle. */
void shim_remove(const Shims *shims, const ShimTask *task);

void shim_list(const Shims *shims, const char *space, JsonTexts *ret_ids);

/* Start-up: removes what a killed engine was launching. */
void shims_sweep(const Shims *shims);
