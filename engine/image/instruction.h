// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "oci/image.h"

/* One instruction of a Dockerfile that changes an image's config, as `commit --change` and `import
 * --change` take them: CMD ENTRYPOINT ENV EXPOSE HEALTHCHECK LABEL ONBUILD STOPSIGNAL USER VOLUME
 * WORKDIR. */
typedef struct Instructions {
    OciImageConfig *config; /* is changed */
    bool has_command;       /* a CMD was among them: an ENTRYPOINT does not take it away */
    size_t expanded;        /* bytes of words so far */
} Instructions;

/* All changes one after the other; each is a piece of a Dockerfile: one instruction or several, a
 * line that ends with a backslash goes on, empty lines and comments say nothing. ERROR_INVALID;
 * ERROR_EXHAUSTED: too much comes of it. */
int instructions_apply(OciImageConfig *config, const char *const *changes, size_t n, Error *err);

/* One line. */
int instruction_apply(Instructions *instructions, const char *line, Error *err);
