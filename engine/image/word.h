// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>

#include "base/error.h"
#include "base/json.h"

/* Words of a Dockerfile's instructions: quotes, backslashes and variables as its reference has
 * them. Bounded by the length of what comes in, and by WORD_MAX for what variables make of it. */
enum {
    WORD_MAX = 1 << 20
};

/* Splits at blanks outside of quotes; the words keep their quotes. ERROR_INVALID: a quote does not
 * end. */
int words_split(const char *text, JsonTexts *ret, Error *err);

/* Without quotes, and with $NAME, ${NAME}, ${NAME:-else} and ${NAME:+then} of "NAME=value" texts
 * put in. */
int word_expand(const char *word, const JsonTexts *environment, Text *ret, Error *err);
