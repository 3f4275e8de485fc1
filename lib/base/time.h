// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Points in time are int64_t nanoseconds since 1970 (UTC), durations int64_t nanoseconds. */
#define TIME_SECOND INT64_C(1000000000)
#define TIME_MILLISECOND INT64_C(1000000)

int64_t time_now(void);       /* CLOCK_REALTIME */
int64_t time_monotonic(void); /* CLOCK_MONOTONIC: only for differences */
void time_sleep(int64_t duration);

/* RFC 3339 with nanoseconds in UTC: "2026-01-31T10:11:12.123456789Z" (trailing zeros are dropped,
 * as Go's RFC3339Nano). 0 is Go's zero time "0001-01-01T00:00:00Z". */
#define TIME_TEXT_SIZE 40
const char *time_format(int64_t time, char buffer[TIME_TEXT_SIZE]);

/* The same with nine digits always (docker logs -t). */
const char *time_format_fixed(int64_t time, char buffer[TIME_TEXT_SIZE]);

/* RFC 3339 with any offset and fraction. ERROR_INVALID. */
int time_parse(const char *text, int64_t *ret, Error *err);

/* Seconds since 1970 with up to nine places: "1357133017.5". */
bool time_parse_unix(const char *text, int64_t *ret);

/* Go's durations: "1h30m", "1.5s", "100ms". ERROR_INVALID names `what`. */
int time_parse_duration(const char *text, const char *what, int64_t *ret, Error *err);

/* The same written as Go does: "1h30m0s", "1.5s", "100ms". Not negative. */
const char *time_format_duration(int64_t duration, char buffer[TIME_TEXT_SIZE]);
