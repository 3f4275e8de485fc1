// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/text.h"

/* The user's file, Docker's own: $DOCKER_CONFIG/config.json, else ~/.docker/config.json. */

/* NULL: there is neither variable. New string. */
char *config_path(void);

/* An absent file is an empty text. */
int config_read(Text *ret, Error *err);

/* A member of the file that is a text; NULL when there is none. New string. */
char *config_text(const char *name);
