// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"

/* A D-Bus value from its text in GVariant's notation (GLib, "GVariant Text Format"): true, 12, 1.5,
 * 'text', uint64 12, ['a', 'b'], ('a', 12), @as []. Dictionaries, maybes and variants are not
 * understood: no property of a unit wants them. Texts may be foreign: depth and size are bounded.
 */
typedef struct GvariantValue {
    char *signature; /* D-Bus type: b y n q i u x t d s o g, aT, (TT…) */
    uint64_t number; /* b y q u t, and n i x as two's complement */
    double real;     /* d */
    char *text;      /* s o g */
    struct GvariantValue *item;
    size_t n; /* of an array or a tuple */
} GvariantValue;

int gvariant_parse(const char *text, GvariantValue *ret, Error *err);

/* A text as gvariant_parse() reads it: in quotes, with what would end it escaped. New string. */
char *gvariant_quote(const char *text);

/* A number as whole microseconds in a "t", from one of any type in seconds: systemd's "Sec"
 * properties are "USec" on the bus. */
int gvariant_seconds_to_usec(GvariantValue *value, Error *err);

void gvariant_done(GvariantValue *value);
CLEANUP_DEFINE_DONE(GvariantValue, gvariant_done)
