// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* The keys that leave a container without stopping it: "ctrl-p,ctrl-q" by default. They are watched
 * for in what the user types; a part of the sequence is held back until it is clear that it is
 * none. */
enum {
    DETACH_KEYS_MAX = 16
};

typedef struct Detach {
    size_t n; /* 0: never */
    uint8_t key[DETACH_KEYS_MAX];
    size_t matched; /* keys held back */
} Detach;

/* "a,ctrl-x,@": single characters or ctrl- with a letter or one of @ [ \ ] ^ _ ; NULL or "" is the
 * default. ERROR_INVALID. */
int detach_parse(const char *text, Detach *ret, Error *err);

/* Filters n typed bytes; out holds n + DETACH_KEYS_MAX. True when the sequence is complete: what
 * follows it is dropped. */
bool detach_filter(Detach *detach, const uint8_t *in, size_t n, uint8_t *out, size_t *ret_n);
