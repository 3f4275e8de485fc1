// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdint.h>

#include "base/time.h"

enum {
    LOG_MOMENT_SIZE = 30
};

/* Times of entries, millions a second: the text is kept from one to the next, which is a nanosecond
 * later where one read brought both. */
typedef struct LogMoment {
    int64_t block;             /* the microsecond of the last one */
    char text[TIME_TEXT_SIZE]; /* "2026-01-31T10:11:12.123456000Z" */
} LogMoment;

/* RFC 3339 with nine digits, which Go's RFC3339Nano reads as well as fewer: LOG_MOMENT_SIZE bytes.
 */
void log_moment_write(LogMoment *moment, int64_t time, char *to);
