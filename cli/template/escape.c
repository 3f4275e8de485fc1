// SPDX-License-Identifier: Apache-2.0
#include "cli/template/escape.h"

#include <ctype.h>
#include <string.h>

#include "base/memory.h"

typedef struct Row {
    char c;
    const char *text;
} Row;

static void append(Text *out, unsigned char c, const Row *rows, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (rows[i].c == (char)c) {
            text_append(out, rows[i].text);
            return;
        }
    text_append_char(out, (char)c);
}

void escape_html(Text *out, unsigned char c) {
    static const Row rows[] = {
        {'"', "&#34;"}, {'\'', "&#39;"}, {'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}};
    append(out, c, rows, array_size(rows));
}

void escape_js(Text *out, unsigned char c) {
    static const Row rows[] = {{'\\', "\\\\"}, {'\'', "\\'"}, {'"', "\\\""}, {'<', "\\u003C"},
        {'>', "\\u003E"}, {'&', "\\u0026"}, {'=', "\\u003D"}};
    if (c < ' ')
        text_append_format(out, "\\u%04X", c);
    else
        append(out, c, rows, array_size(rows));
}

void escape_query(Text *out, unsigned char c) {
    if (isalnum(c) || strchr("-_.~", c))
        text_append_char(out, (char)c);
    else if (c == ' ')
        text_append_char(out, '+');
    else
        text_append_format(out, "%%%02X", c);
}
