// SPDX-License-Identifier: Apache-2.0
#include "cli/quote.h"

#include <string.h>

#include "base/text.h"

char *quote(const char *text) {
    static const char plain[] = "\a\b\f\n\r\t\v\"\\", letters[] = "abfnrtv\"\\";
    Text out = {};
    text_append_char(&out, '"');
    for (const char *p = text; *p; p++) {
        const char *at = strchr(plain, *p);
        if (at)
            text_append_format(&out, "\\%c", letters[at - plain]);
        else if ((unsigned char)*p < 0x20 || *p == 0x7f)
            text_append_format(&out, "\\x%02x", (unsigned)*p);
        else
            text_append_char(&out, *p);
    }
    text_append_char(&out, '"');
    return text_take(&out);
}
