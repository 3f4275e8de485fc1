// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "base/base64.h"
#include "base/time.h"
#include "output/record.h"

typedef struct Cursor {
    const char *at, *end;
} Cursor;

static bool take(Cursor *c, char wanted) {
    if (c->at == c->end || *c->at != wanted)
        return false;
    c->at++;
    return true;
}

static void append_utf8(Text *out, uint32_t code) {
    char bytes[4];
    if (code < 0x80) {
        text_append_char(out, (char)code);
        return;
    }
    int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static const unsigned char lead[] = {0, 0xc0, 0xe0, 0xf0};
    bytes[0] = (char)(lead[more] | code >> 6 * more);
    for (int i = 1; i <= more; i++)
        bytes[i] = (char)(0x80 | (code >> 6 * (more - i) & 0x3f));
    text_append_bytes(out, bytes, (size_t)more + 1);
}

static bool take_hex(Cursor *c, uint32_t *ret) {
    *ret = 0;
    for (int i = 0; i < 4; i++, c->at++) {
        if (c->at == c->end)
            return false;
        const char *digits = "0123456789abcdef", *digit = strchr(digits, *c->at | 0x20);
        if (!digit || !*digit)
            return false;
        *ret = *ret << 4 | (uint32_t)(digit - digits);
    }
    return true;
}

static bool take_unicode(Cursor *c, Text *out) {
    uint32_t code, low;
    if (!take_hex(c, &code))
        return false;
    if (code >= 0xd800 && code < 0xdc00) {
        if (!take(c, '\\') || !take(c, 'u') || !take_hex(c, &low) || low < 0xdc00 || low > 0xdfff)
            return false;
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    append_utf8(out, code);
    return true;
}

static bool take_escape(Cursor *c, Text *out) {
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    if (c->at == c->end)
        return false;
    char name = *c->at++;
    if (name == 'u')
        return take_unicode(c, out);
    const char *found = name ? strchr(names, name) : NULL;
    if (!found)
        return false;
    text_append_char(out, values[found - names]);
    return true;
}

/* A JSON string, unescaped. */
static bool take_string(Cursor *c, Text *out) {
    text_clear(out);
    if (!take(c, '"'))
        return false;
    for (;;) {
        const char *plain = c->at;
        while (c->at < c->end && *c->at != '"' && *c->at != '\\')
            c->at++;
        text_append_bytes(out, plain, (size_t)(c->at - plain));
        if (take(c, '"'))
            return true;
        if (!take(c, '\\') || !take_escape(c, out))
            return false;
    }
}

/* A string without escapes as it stands; NULL: it has some, or there is none. */
static const char *take_plain(Cursor *c, size_t *ret_n) {
    const char *begin = c->at + 1;
    if (c->at == c->end || *c->at != '"')
        return NULL;
    const char *end = memchr(begin, '"', (size_t)(c->end - begin));
    if (!end || memchr(begin, '\\', (size_t)(end - begin)))
        return NULL;
    c->at = end + 1;
    *ret_n = (size_t)(end - begin);
    return begin;
}

/* Docker's "attrs" object holds strings only: "name=value,…". */
static bool take_attributes(Cursor *c, Text *out) {
    autodone(Text) part = {};
    text_clear(out);
    if (!take(c, '{'))
        return false;
    if (take(c, '}'))
        return true;
    do {
        if (out->length)
            text_append_char(out, ',');
        if (!take_string(c, &part))
            return false;
        text_append_bytes(out, part.data, part.length);
        text_append_char(out, '=');
        if (!take(c, ':') || !take_string(c, &part))
            return false;
        text_append_bytes(out, part.data, part.length);
    } while (take(c, ','));
    return take(c, '}');
}

static bool take_time(Cursor *c, OutputRecord *record) {
    char text[TIME_TEXT_SIZE];
    size_t n = 0;
    Error ignored;
    const char *plain = take_plain(c, &n);
    if (!plain || n >= sizeof text)
        return false;
    memcpy(text, plain, n);
    text[n] = '\0';
    return time_parse(text, &record->time, &ignored) == 0;
}

/* The same bytes as "log", where they are no UTF-8. */
static bool take_raw(Cursor *c, Text *out) {
    size_t n = 0;
    const char *plain = take_plain(c, &n);
    text_clear(out);
    return plain && base64_decode(plain, n, out);
}

static bool take_stream(Cursor *c, OutputRecord *record) {
    size_t n = 0;
    const char *plain = take_plain(c, &n);
    record->is_stderr = plain && n == 6 && memcmp(plain, "stderr", 6) == 0;
    return plain;
}

static bool take_field(Cursor *c, OutputRecord *record, bool *has_raw) {
    autodone(Text) ignored = {};
    size_t n = 0;
    const char *key = take_plain(c, &n);
    if (!key || !take(c, ':'))
        return false;
    if (n == 3 && memcmp(key, "log", 3) == 0)
        return take_string(c, *has_raw ? &ignored : &record->data);
    if (n == 3 && memcmp(key, "raw", 3) == 0)
        return *has_raw = take_raw(c, &record->data);
    if (n == 6 && memcmp(key, "stream", 6) == 0)
        return take_stream(c, record);
    if (n == 4 && memcmp(key, "time", 4) == 0)
        return take_time(c, record);
    if (n == 5 && memcmp(key, "attrs", 5) == 0)
        return take_attributes(c, &record->details);
    return c->at < c->end && *c->at == '{' ? take_attributes(c, &ignored)
                                           : take_string(c, &ignored);
}

/* {"log":"…\n","stream":"stdout","time":"…"}. An own parser and not base/json.h, because output may
 * hold NUL characters, which C strings lose. */
static int parse(const char *bytes, size_t n, OutputRecord *record, Error *err) {
    Cursor cursor = {bytes, bytes + n};
    bool ok = take(&cursor, '{'), has_raw = false;
    text_clear(&record->data);
    text_clear(&record->details);
    record->is_stderr = false;
    record->time = 0;
    while (ok && !take(&cursor, '}')) {
        ok = take_field(&cursor, record, &has_raw);
        take(&cursor, ',');
    }
    return ok ? 0 : error_set(err, ERROR_CORRUPT, "not an entry of a json-file log");
}

const OutputFormat output_json_file = {true, output_measure_line, parse};
