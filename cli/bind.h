// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>

#include "base/error.h"

/* -v HOST:CONTAINER[:MODE,…]; MODE: ro, rw, z, Z, a propagation. */
typedef struct Bind {
    char *source; /* absolute; a relative one ("./x") is taken from the working directory */
    char *target; /* absolute, cleaned */
    char *mode;   /* as written, "" if none */
    const char *propagation; /* borrowed constant, "" if none */
    bool read_only;
} Bind;

/* ERROR_INVALID; ERROR_UNSUPPORTED for volumes, that is for a source that is no path, or none. */
int bind_parse(const char *text, Bind *ret, Error *err);
void bind_done(Bind *bind);
