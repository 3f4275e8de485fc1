// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdint.h>

#include "base/time.h"

/* Times of entries, millions a second: the text of the second is kept from one to the next. */
typedef struct LogMoment {
    int64_t second;
    char text[TIME_TEXT_SIZE]; /* "2026-01-31T10:11:12." */
} LogMoment;

enum {
    LOG_MOMENT_SIZE = 30
};

/* RFC 3339 with nine digits, which Go's RFC3339Nano reads as well as fewer: LOG_MOMENT_SIZE bytes.
 */
void log_moment_write(LogMoment *moment, int64_t time, char *to);
