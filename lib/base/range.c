// SPDX-License-Identifier: Apache-2.0
#include "base/range.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum {
    WORD_BITS = 8 * sizeof(unsigned long)
};

bool range_has(const RangeSet *set, unsigned number) {
    return number < RANGE_BITS && set->word[number / WORD_BITS] >> (number % WORD_BITS) & 1;
}

static void add(RangeSet *set, unsigned number) {
    if (range_has(set, number))
        return;
    set->word[number / WORD_BITS] |= 1UL << (number % WORD_BITS);
    set->count++;
}

/* A number, then *at is behind it; -1: none, or too large. */
static int parse_number(const char **at) {
    char *end;
    if (!isdigit((unsigned char)**at))
        return -1;
    unsigned long number = strtoul(*at, &end, 10);
    *at = end;
    return number < RANGE_BITS ? (int)number : -1;
}

static const char *skip_blanks(const char *at) {
    return at + strspn(at, " \t\n");
}

int range_parse(const char *text, RangeSet *ret, Error *err) {
    RangeSet set = {};
    for (const char *at = skip_blanks(text); *at;) {
        if (*at == ',') {
            at = skip_blanks(at + 1);
            continue;
        }
        int first = parse_number(&at), last = first;
        if (first >= 0 && *at == '-') {
            at++;
            last = parse_number(&at);
        }
        at = skip_blanks(at);
        if (first < 0 || last < first || (*at && *at != ','))
            return error_set(err, ERROR_INVALID,
                "\"%s\" is not a list such as \"0-3,7\" of numbers below %d", text, RANGE_BITS);
        for (int i = first; i <= last; i++)
            add(&set, (unsigned)i);
    }
    *ret = set;
    return 0;
}
