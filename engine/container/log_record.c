// SPDX-License-Identifier: Apache-2.0
#include "engine/container/log_record.h"

#include <string.h>

#include "base/time.h"

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

/* Docker's "attrs" object holds strings only. */
static bool skip_value(Cursor *c) {
    autodone(Text) ignored = {};
    if (!take(c, '{'))
        return take_string(c, &ignored);
    if (take(c, '}'))
        return true;
    do {
        if (!take_string(c, &ignored) || !take(c, ':') || !take_string(c, &ignored))
            return false;
    } while (take(c, ','));
    return take(c, '}');
}

static bool take_field(Cursor *c, LogRecord *record) {
    autodone(Text) key = {}, value = {};
    Error ignored;
    if (!take_string(c, &key) || !take(c, ':'))
        return false;
    if (text_equal(key.data, "log"))
        return take_string(c, &record->data);
    if (text_equal(key.data, "stream")) {
        if (!take_string(c, &value))
            return false;
        record->is_stderr = text_equal(value.data, "stderr");
        return true;
    }
    if (text_equal(key.data, "time"))
        return take_string(c, &value) && time_parse(value.data, &record->time, &ignored) == 0;
    return skip_value(c);
}

int log_record_parse(const char *line, size_t n, LogRecord *record, Error *err) {
    Cursor cursor = {line, line + n};
    bool ok = take(&cursor, '{');
    text_clear(&record->data);
    record->is_stderr = false;
    record->time = 0;
    while (ok && !take(&cursor, '}')) {
        ok = take_field(&cursor, record);
        if (ok && cursor.at < cursor.end && *cursor.at == ',')
            cursor.at++;
    }
    return ok ? 0 : error_set(err, ERROR_CORRUPT, "not an entry of a json-file log");
}
