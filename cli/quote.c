// SPDX-License-Identifier: Apache-2.0
#include "cli/quote.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/text.h"

/* U+0080 to U+009F, which terminals obey as they do ESC, and what turns the order of letters around
 * (U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069). Bytes of its UTF-8; 0: another character.
 */
static size_t find_steering(const char *text, unsigned *ret) {
    const unsigned char *p = (const unsigned char *)text;
    if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f) {
        *ret = p[1];
        return 2;
    }
    if (p[0] != 0xe2 || (p[1] != 0x80 && p[1] != 0x81) || p[2] < 0x80)
        return 0;
    *ret = 0x2000 + (p[1] - 0x80U) * 0x40 + (p[2] - 0x80U);
    bool turns = *ret == 0x200e || *ret == 0x200f || (*ret >= 0x202a && *ret <= 0x202e) ||
                 (*ret >= 0x2066 && *ret <= 0x2069);
    return turns ? 3 : 0;
}

char *quote(const char *text) {
    static const char plain[] = "\a\b\f\n\r\t\v\"\\", letters[] = "abfnrtv\"\\";
    Text out = {};
    text_append_char(&out, '"');
    for (const char *p = text; *p; p++) {
        const char *at = strchr(plain, *p);
        unsigned character;
        size_t n = find_steering(p, &character);
        if (n > 0) {
            text_append_format(&out, "\\u%04x", character);
            p += n - 1;
        } else if (at)
            text_append_format(&out, "\\%c", letters[at - plain]);
        else if ((unsigned char)*p < 0x20 || *p == 0x7f)
            text_append_format(&out, "\\x%02x", (unsigned)*p);
        else
            text_append_char(&out, *p);
    }
    text_append_char(&out, '"');
    return text_take(&out);
}
