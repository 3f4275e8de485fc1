// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdlib.h>
#include <string.h>

/* Frees a password, or NULL, so that no later user of the memory finds it. Private to
 * engine/registry. */
static inline void secret_free(char *secret) {
    if (secret)
        explicit_bzero(secret, strlen(secret));
    free(secret);
}
