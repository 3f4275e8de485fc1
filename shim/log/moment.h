// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdint.h>

#include "base/text.h"
#include "base/time.h"

/* Times of entries, millions a second: the text of the second is kept from one to the next. */
typedef struct LogMoment {
    int64_t second;
    char text[TIME_TEXT_SIZE]; /* "2026-01-31T10:11:12." */
} LogMoment;

/* RFC 3339 with nine digits, which Go's RFC3339Nano reads as well as fewer. */
void log_moment_append(LogMoment *moment, int64_t time, Text *out);
