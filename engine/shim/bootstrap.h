// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"

/* What `start` of a shim prints, and we keep as bootstrap.json: a plain address is version 2. */
typedef struct Bootstrap {
    JsonInt version;
    char *address, *protocol;
    char *binary; /* ours: the shim's program */
} Bootstrap;

/* ERROR_UNSUPPORTED: a version or protocol that we do not speak. */
int bootstrap_decode(const char *text, size_t n, Bootstrap *ret, Error *err);
char *bootstrap_encode(const Bootstrap *bootstrap);
void bootstrap_done(Bootstrap *bootstrap);
CLEANUP_DEFINE_DONE(Bootstrap, bootstrap_done)

/* containerd-shim-NAME-VERSION of "io.containerd.NAME.VERSION" in $PATH or beside us; a path is
 * taken as it is. New string; ERROR_NOT_FOUND. */
int bootstrap_find_shim(const char *runtime, char **ret, Error *err);
