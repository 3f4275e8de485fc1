// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"

/* What -v, --mount and --tmpfs say, in one form. What only the engine can know (is it a good name
 * for a volume, is there such a directory) it checks itself. */
typedef struct Mount {
    const char *type;        /* "bind", "volume", "tmpfs"; a constant, as are: */
    const char *origin;      /* "", "path", "mount", "tmpfs": as the request wants it */
    const char *propagation; /* "" if none */
    char *source;            /* of a bind, absolute; a relative one is the working directory's */
    char *volume;            /* name; NULL: anonymous */
    char *target;            /* cleaned */
    char *mode;              /* of -v as written, "" if none */
    char *options, *driver;  /* of a tmpfs, of a volume; NULL if none */
    JsonTexts volume_labels, volume_options;
    char *subpath; /* of a volume; NULL: all of it */
    bool read_only, no_copy, strict;
} Mount;
void mount_done(Mount *mount);
CLEANUP_DEFINE_DONE(Mount, mount_done)

/* "[HOST-DIR:|NAME:]PATH[:MODE,…]"; MODE: ro, rw, z, Z, nocopy, a propagation. ERROR_INVALID. */
int mount_parse_volume(const char *text, Mount *ret, Error *err);

/* "type=volume,src=NAME,dst=PATH,…", fields as in a line of CSV. ERROR_INVALID; ERROR_UNSUPPORTED
 * for what Docker knows and this engine does not. */
int mount_parse_option(const char *text, Mount *ret, Error *err);

/* "PATH[:size=64m,…]". */
int mount_parse_tmpfs(const char *text, Mount *ret, Error *err);

/* The constant of a propagation, or NULL. */
const char *mount_propagation(const char *text);
