// SPDX-License-Identifier: Apache-2.0
#include "cli/template/literal.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "cli/document.h"

static bool read_digits(const char **at, int base, size_t n, uint32_t *ret) {
    char digits[9] = {};
    char *end = NULL;
    if (strnlen(*at, n) < n)
        return false;
    memcpy(digits, *at, n);
    *ret = (uint32_t)strtoul(digits, &end, base);
    *at += n;
    return end == digits + n && *digits != '-' && *digits != '+';
}

/* After the backslash; false: no such escape in Go. \x and \ooo are bytes, \u and \U characters. */
static bool read_escape(const char **at, Text *out) {
    static const char letters[] = "abfnrtv\\\"'", values[] = "\a\b\f\n\r\t\v\\\"'";
    const char *letter = strchr(letters, **at);
    uint32_t value = 0;
    if (letter && *letter) {
        text_append_char(out, values[letter - letters]);
        ++*at;
        return true;
    }
    bool octal = **at >= '0' && **at <= '3';
    size_t n = octal ? 3 : **at == 'x' ? 2 : **at == 'u' ? 4 : **at == 'U' ? 8 : 0;
    if (!n)
        return false;
    *at += !octal;
    if (!read_digits(at, octal ? 8 : 16, n, &value))
        return false;
    if (n <= 3)
        text_append_char(out, (char)value);
    else
        document_append_character(out, value);
    return true;
}

static bool read_quoted(const char *text, Text *out) {
    char mark = *text++;
    while (*text && *text != mark) {
        if (*text != '\\') {
            text_append_char(out, *text++);
            continue;
        }
        text++;
        if (!read_escape(&text, out))
            return false;
    }
    return *text == mark && !text[1];
}

static char *text_literal(const char *text) {
    autodone(Text) out = {};
    Text json = {};
    if (*text == '`')
        text_append_bytes(&out, text + 1, strlen(text) - 2);
    else if (!read_quoted(text, &out))
        return NULL;
    json_append_string(&json, out.data ? out.data : "", out.length);
    return text_take(&json);
}

/* 'x' is its code point, a number. */
static char *character_literal(const char *text) {
    autodone(Text) out = {};
    if (!read_quoted(text, &out) || !out.length)
        return NULL;
    size_t n = 0;
    uint32_t value = document_read_character(out.data, &n);
    return n == out.length ? text_format("%u", value) : NULL;
}

static char *number_literal(const char *text) {
    autodone(Text) plain = {};
    char *end = NULL;
    for (; *text; text++)
        if (*text != '_')
            text_append_char(&plain, *text);
    const char *digits = plain.data + (*plain.data == '-' || *plain.data == '+');
    int base = text_starts(digits, "0o")   ? 8
               : text_starts(digits, "0b") ? 2
               : digits[0] == '0'          ? 0
                                           : 10;
    errno = 0;
    long long value = strtoll(digits + (base == 8 || base == 2 ? 2 : 0), &end, base);
    if (!*end && end != digits && errno == 0)
        return text_format("%s%lld", *plain.data == '-' ? "-" : "", value);
    double number = strtod(plain.data, &end);
    if (*end)
        return NULL;
    char *json = text_format("%.17g", number);
    if (strpbrk(json, ".en") || !strchr(plain.data, '.'))
        return json;
    free(json);
    return text_format("%.1f", number); // 2.0 is no integer, 1e3 is one
}

char *template_literal(const char *text) {
    if (text_equal(text, "true") || text_equal(text, "false"))
        return text_copy(text);
    if (*text == '"' || *text == '`')
        return text_literal(text);
    return *text == '\'' ? character_literal(text) : number_literal(text);
}
