// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "base/json.h"

/* Length of the UTF-8 sequence at s (RFC 3629: no surrogates, no overlong forms), 0 if none. */
static size_t utf8_length(const unsigned char *s, size_t n) {
    if (s[0] < 0x80)
        return 1;
    size_t length = s[0] >= 0xc2 && s[0] < 0xe0   ? 2
                    : (s[0] & 0xf0) == 0xe0       ? 3
                    : s[0] >= 0xf0 && s[0] < 0xf5 ? 4
                                                  : 0;
    if (!length || length > n)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
        (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return length;
}

static void append_escape(Text *out, unsigned char c) {
    static const char digits[] = "0123456789abcdef";
    static const char letters[] = {
        ['"'] = '"', ['\\'] = '\\', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
    char letter = c < sizeof letters ? letters[c] : '\0';
    char escape[6] = {'\\', letter ? letter : 'u', '0', '0', digits[c >> 4], digits[c & 15]};
    text_append_bytes(out, escape, letter ? 2 : sizeof escape);
}

/* Most bytes of a log are these. */
static bool is_plain(unsigned char c) {
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

void json_append_string(Text *out, const char *bytes, size_t n) {
    const unsigned char *s = (const unsigned char *)bytes;
    text_reserve(out, n + 2);
    text_append_char(out, '"');
    size_t plain = 0; /* start of the run that needs no escape */
    for (size_t i = 0; i < n;) {
        size_t length = is_plain(s[i]) ? 1 : s[i] < 0x80 ? 0 : utf8_length(s + i, n - i);
        if (length) {
            i += length;
            continue;
        }
        text_append_bytes(out, s + plain, i - plain);
        if (s[i] < 0x80)
            append_escape(out, s[i]);
        else
            text_append(out, "\\ufffd");
        plain = ++i;
    }
    text_append_bytes(out, s + plain, n - plain);
    text_append_char(out, '"');
}

static void append_newline(Text *out, unsigned indent, unsigned depth) {
    if (!indent)
        return;
    text_append_format(out, "\n%*s", (int)(indent * depth), "");
}

typedef struct Encoder {
    Text *out;
    unsigned indent, depth;
    bool first;
} Encoder;

static void open_bracket(Encoder *e, char bracket) {
    text_append_char(e->out, bracket);
    e->depth++;
    e->first = true;
}

static void next_item(Encoder *e) {
    if (!e->first)
        text_append_char(e->out, ',');
    e->first = false;
    append_newline(e->out, e->indent, e->depth);
}

static void close_bracket(Encoder *e, char bracket) {
    e->depth--;
    if (!e->first)
        append_newline(e->out, e->indent, e->depth);
    text_append_char(e->out, bracket);
    e->first = false;
}

static void put_text(Encoder *e, const char *text) {
    json_append_string(e->out, text, strlen(text));
}

static void put_key(Encoder *e, const char *key) {
    next_item(e);
    put_text(e, key);
    text_append(e->out, e->indent ? ": " : ":");
}

static void encode_object(Encoder *e, const JsonType *type, const void *value);

static bool is_absent(const JsonField *field, const void *at) {
    switch (field->kind) {
    case JSON_TEXT:
    case JSON_OBJECT:
    case JSON_RAW:
        return !*(void *const *)at;
    case JSON_BOOL:
        return !((const JsonBool *)at)->set;
    case JSON_INT:
        return !((const JsonInt *)at)->set;
    case JSON_UINT:
        return !((const JsonUint *)at)->set;
    case JSON_NUMBER:
        return !((const JsonNumber *)at)->set;
    case JSON_TEXTS:
        return !((const JsonTexts *)at)->item;
    case JSON_UINTS:
        return !((const JsonUints *)at)->item;
    case JSON_OBJECTS:
        return !((const JsonObjects *)at)->item;
    case JSON_MAP:
        return !((const JsonMap *)at)->key;
    case JSON_OBJECT_MAP:
        return !((const JsonObjectMap *)at)->key;
    }
    return true;
}

static void encode_texts(Encoder *e, const JsonTexts *texts) {
    open_bracket(e, '[');
    for (size_t i = 0; i < texts->n; i++) {
        next_item(e);
        put_text(e, texts->item[i]);
    }
    close_bracket(e, ']');
}

static void encode_uints(Encoder *e, const JsonUints *uints) {
    open_bracket(e, '[');
    for (size_t i = 0; i < uints->n; i++) {
        next_item(e);
        text_append_format(e->out, "%llu", (unsigned long long)uints->item[i]);
    }
    close_bracket(e, ']');
}

static void encode_objects(Encoder *e, const JsonType *type, const JsonObjects *objects) {
    open_bracket(e, '[');
    for (size_t i = 0; i < objects->n; i++) {
        next_item(e);
        encode_object(e, type, (const char *)objects->item + i * type->size);
    }
    close_bracket(e, ']');
}

static void encode_map(Encoder *e, const JsonMap *map) {
    open_bracket(e, '{');
    for (size_t i = 0; i < map->n; i++) {
        put_key(e, map->key[i]);
        put_text(e, map->value[i]);
    }
    close_bracket(e, '}');
}

static void encode_object_map(Encoder *e, const JsonType *type, const JsonObjectMap *map) {
    open_bracket(e, '{');
    for (size_t i = 0; i < map->n; i++) {
        put_key(e, map->key[i]);
        encode_object(e, type, (const char *)map->value + i * type->size);
    }
    close_bracket(e, '}');
}

static void encode_field(Encoder *e, const JsonField *field, const void *at) {
    switch (field->kind) {
    case JSON_TEXT:
        put_text(e, *(char *const *)at ? *(char *const *)at : "");
        break;
    case JSON_RAW:
        text_append(e->out, *(char *const *)at ? *(char *const *)at : "null");
        break;
    case JSON_BOOL:
        text_append(e->out, ((const JsonBool *)at)->value ? "true" : "false");
        break;
    case JSON_INT:
        text_append_format(e->out, "%lld", (long long)((const JsonInt *)at)->value);
        break;
    case JSON_UINT:
        text_append_format(e->out, "%llu", (unsigned long long)((const JsonUint *)at)->value);
        break;
    case JSON_NUMBER:
        text_append_format(e->out, "%.17g", ((const JsonNumber *)at)->value);
        break;
    case JSON_OBJECT:
        if (*(void *const *)at)
            encode_object(e, field->type, *(void *const *)at);
        else
            text_append(e->out, "{}");
        break;
    case JSON_TEXTS:
        encode_texts(e, at);
        break;
    case JSON_UINTS:
        encode_uints(e, at);
        break;
    case JSON_OBJECTS:
        encode_objects(e, field->type, at);
        break;
    case JSON_MAP:
        encode_map(e, at);
        break;
    case JSON_OBJECT_MAP:
        encode_object_map(e, field->type, at);
        break;
    }
    e->first = false;
}

static void encode_object(Encoder *e, const JsonType *type, const void *value) {
    open_bracket(e, '{');
    for (const JsonField *field = type->field; field->name; field++) {
        const void *at = (const char *)value + field->offset;
        bool absent = is_absent(field, at);
        if (absent && !(field->flags & (JSON_ALWAYS | JSON_NULL)))
            continue;
        put_key(e, field->name);
        if (absent && field->flags & JSON_NULL)
            text_append(e->out, "null");
        else
            encode_field(e, field, at);
    }
    close_bracket(e, '}');
}

char *json_encode(const JsonType *type, const void *value, unsigned indent) {
    Text out = {};
    Encoder encoder = {&out, indent, 0, true};
    encode_object(&encoder, type, value);
    return text_take(&out);
}
