// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_gen.h>
#include <yajl/yajl_tree.h>

#include "base/memory.h"

/* yajl parses to a tree, the tables walk the tree. yajl bounds nothing itself: the depth is checked
 * before parsing (its tree builder recurses when it is freed). */

enum {
    DEPTH_MAX = 64
};

/* Where we are, for messages: linked on the stack from the innermost outwards. */
typedef struct Path {
    const struct Path *up;
    const char *name;
    size_t index;
} Path;

static size_t path_format(const Path *path, char *buffer, size_t size) {
    if (!path)
        return 0;
    size_t n = path_format(path->up, buffer, size);
    if (n >= size)
        return n;
    if (path->name)
        return n + (size_t)snprintf(buffer + n, size - n, "%s%s", n ? "." : "", path->name);
    return n + (size_t)snprintf(buffer + n, size - n, "[%zu]", path->index);
}

static int mismatch(const Path *path, const char *expected, Error *err) {
    char buffer[512] = "(root)";
    path_format(path, buffer, sizeof buffer);
    return error_set(err, ERROR_INVALID, "%s: expected %s", buffer, expected);
}

static yajl_val lookup(yajl_val object, const char *name) {
    for (size_t i = object->u.object.len; i > 0; i--)
        if (strcmp(object->u.object.keys[i - 1], name) == 0)
            return object->u.object.values[i - 1];
    return NULL;
}

static int decode_object(const JsonType *type, yajl_val v, void *ret, const Path *path, Error *err);

static int decode_texts(yajl_val v, JsonTexts *ret, const Path *path, Error *err) {
    if (!YAJL_IS_ARRAY(v))
        return mismatch(path, "an array of strings", err);
    ret->item = new_array(char *, v->u.array.len + 1);
    for (size_t i = 0; i < v->u.array.len; i++) {
        Path here = {path, NULL, i};
        if (!YAJL_IS_STRING(v->u.array.values[i]))
            return mismatch(&here, "a string", err);
        ret->item[ret->n++] = text_copy(v->u.array.values[i]->u.string);
    }
    return 0;
}

static int decode_uint(yajl_val v, uint64_t *ret, const Path *path, Error *err) {
    /* yajl's own integers stop at INT64_MAX; RLIM_INFINITY does not, so read the text. */
    if (!YAJL_IS_NUMBER(v))
        return mismatch(path, "a non-negative integer", err);
    char *end;
    errno = 0;
    *ret = strtoull(v->u.number.r, &end, 10);
    if (v->u.number.r[0] == '-' || *end)
        return mismatch(path, "a non-negative integer", err);
    return errno ? mismatch(path, "an integer in range", err) : 0;
}

static int decode_int(yajl_val v, int64_t *ret, const Path *path, Error *err) {
    if (!YAJL_IS_NUMBER(v))
        return mismatch(path, "an integer", err);
    char *end;
    errno = 0;
    *ret = strtoll(v->u.number.r, &end, 10);
    if (*end)
        return mismatch(path, "an integer", err);
    return errno ? mismatch(path, "an integer in range", err) : 0;
}

static int decode_uints(yajl_val v, JsonUints *ret, const Path *path, Error *err) {
    if (!YAJL_IS_ARRAY(v))
        return mismatch(path, "an array of integers", err);
    ret->item = new_array(uint64_t, v->u.array.len);
    for (size_t i = 0; i < v->u.array.len; i++) {
        Path here = {path, NULL, i};
        TRY(decode_uint(v->u.array.values[i], &ret->item[i], &here, err));
        ret->n++;
    }
    return 0;
}

static int decode_objects(
    const JsonType *type, yajl_val v, JsonObjects *ret, const Path *path, Error *err) {
    if (!YAJL_IS_ARRAY(v))
        return mismatch(path, "an array of objects", err);
    ret->item = memory_new_array(v->u.array.len, type->size);
    for (size_t i = 0; i < v->u.array.len; i++) {
        Path here = {path, NULL, i};
        void *item = (char *)ret->item + ret->n++ * type->size;
        TRY(decode_object(type, v->u.array.values[i], item, &here, err));
    }
    return 0;
}

static int decode_map(yajl_val v, JsonMap *ret, const Path *path, Error *err) {
    if (!YAJL_IS_OBJECT(v))
        return mismatch(path, "an object of strings", err);
    ret->key = new_array(char *, v->u.object.len + 1);
    ret->value = new_array(char *, v->u.object.len + 1);
    for (size_t i = 0; i < v->u.object.len; i++) {
        Path here = {path, v->u.object.keys[i], 0};
        if (!YAJL_IS_STRING(v->u.object.values[i]))
            return mismatch(&here, "a string", err);
        ret->key[ret->n] = text_copy(v->u.object.keys[i]);
        ret->value[ret->n++] = text_copy(v->u.object.values[i]->u.string);
    }
    return 0;
}

static int decode_object_map(
    const JsonType *type, yajl_val v, JsonObjectMap *ret, const Path *path, Error *err) {
    if (!YAJL_IS_OBJECT(v))
        return mismatch(path, "an object of objects", err);
    ret->key = new_array(char *, v->u.object.len + 1);
    ret->value = memory_new_array(v->u.object.len, type->size);
    for (size_t i = 0; i < v->u.object.len; i++) {
        Path here = {path, v->u.object.keys[i], 0};
        ret->key[ret->n] = text_copy(v->u.object.keys[i]);
        void *item = (char *)ret->value + ret->n++ * type->size;
        if (!YAJL_IS_NULL(v->u.object.values[i]))
            TRY(decode_object(type, v->u.object.values[i], item, &here, err));
    }
    return 0;
}

static void raw_append(Text *out, yajl_val v) {
    switch (v->type) {
    case yajl_t_string:
        json_append_string(out, v->u.string, strlen(v->u.string));
        break;
    case yajl_t_number:
        text_append(out, v->u.number.r);
        break;
    case yajl_t_object:
        text_append_char(out, '{');
        for (size_t i = 0; i < v->u.object.len; i++) {
            if (i)
                text_append_char(out, ',');
            json_append_string(out, v->u.object.keys[i], strlen(v->u.object.keys[i]));
            text_append_char(out, ':');
            raw_append(out, v->u.object.values[i]);
        }
        text_append_char(out, '}');
        break;
    case yajl_t_array:
        text_append_char(out, '[');
        for (size_t i = 0; i < v->u.array.len; i++) {
            if (i)
                text_append_char(out, ',');
            raw_append(out, v->u.array.values[i]);
        }
        text_append_char(out, ']');
        break;
    case yajl_t_true:
        text_append(out, "true");
        break;
    case yajl_t_false:
        text_append(out, "false");
        break;
    case yajl_t_null:
    case yajl_t_any:
        text_append(out, "null");
        break;
    }
}

static char *decode_raw(yajl_val v) {
    Text raw = {};
    raw_append(&raw, v);
    return text_take(&raw);
}

static int decode_field(
    const JsonField *field, yajl_val v, void *at, const Path *path, Error *err) {
    switch (field->kind) {
    case JSON_TEXT:
        if (!YAJL_IS_STRING(v))
            return mismatch(path, "a string", err);
        *(char **)at = text_copy(v->u.string);
        return 0;
    case JSON_BOOL:
        if (!YAJL_IS_TRUE(v) && !YAJL_IS_FALSE(v))
            return mismatch(path, "true or false", err);
        *(JsonBool *)at = (JsonBool){true, YAJL_IS_TRUE(v)};
        return 0;
    case JSON_INT:
        TRY(decode_int(v, &((JsonInt *)at)->value, path, err));
        ((JsonInt *)at)->set = true;
        return 0;
    case JSON_UINT:
        TRY(decode_uint(v, &((JsonUint *)at)->value, path, err));
        ((JsonUint *)at)->set = true;
        return 0;
    case JSON_NUMBER:
        if (!YAJL_IS_NUMBER(v))
            return mismatch(path, "a number", err);
        *(JsonNumber *)at = (JsonNumber){true, strtod(v->u.number.r, NULL)};
        return 0;
    case JSON_OBJECT:
        *(void **)at = memory_new(field->type->size);
        return decode_object(field->type, v, *(void **)at, path, err);
    case JSON_TEXTS:
        return decode_texts(v, at, path, err);
    case JSON_UINTS:
        return decode_uints(v, at, path, err);
    case JSON_OBJECTS:
        return decode_objects(field->type, v, at, path, err);
    case JSON_MAP:
        return decode_map(v, at, path, err);
    case JSON_OBJECT_MAP:
        return decode_object_map(field->type, v, at, path, err);
    case JSON_RAW:
        *(char **)at = decode_raw(v);
        return 0;
    }
    return 0;
}

static int decode_object(
    const JsonType *type, yajl_val v, void *ret, const Path *path, Error *err) {
    if (!YAJL_IS_OBJECT(v))
        return mismatch(path, "an object", err);
    for (const JsonField *field = type->field; field->name; field++) {
        Path here = {path, field->name, 0};
        yajl_val member = lookup(v, field->name);
        if (member && !YAJL_IS_NULL(member))
            TRY(decode_field(field, member, (char *)ret + field->offset, &here, err));
        else if (field->flags & JSON_REQUIRED)
            return mismatch(&here, "a value", err);
    }
    return 0;
}

/* Counts brackets outside strings; malformed text is left to yajl. */
static bool too_deep(const char *text, size_t length) {
    size_t depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < length; i++) {
        if (in_string) {
            if (text[i] == '\\')
                i++;
            else if (text[i] == '"')
                in_string = false;
        } else if (text[i] == '"') {
            in_string = true;
        } else if ((text[i] == '{' || text[i] == '[') && ++depth > DEPTH_MAX) {
            return true;
        } else if ((text[i] == '}' || text[i] == ']') && depth > 0) {
            depth--;
        }
    }
    return false;
}

static int parse(const char *text, size_t length, yajl_val *ret, Error *err) {
    if (too_deep(text, length))
        return error_set(
            err, ERROR_INVALID, "not JSON that we read: nested deeper than %d levels", DEPTH_MAX);
    if (memchr(text, '\0', length))
        return error_set(err, ERROR_INVALID, "not JSON: a NUL byte");
    char why[256] = "", *terminated = text_copy_n(text, length);
    *ret = yajl_tree_parse(terminated, why, sizeof why);
    free(terminated);
    if (*ret)
        return 0;
    why[strcspn(why, "\n")] = '\0';
    return error_set(err, ERROR_INVALID, "not JSON: %s", *why ? why : "empty");
}

int json_decode(const JsonType *type, const char *text, size_t length, void *ret, Error *err) {
    yajl_val tree;
    memset(ret, 0, type->size);
    TRY(parse(text, length, &tree, err));
    int r = decode_object(type, tree, ret, NULL, err);
    yajl_tree_free(tree);
    if (r < 0)
        json_done(type, ret);
    return r;
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

static void done_field(const JsonField *field, void *at) {
    switch (field->kind) {
    case JSON_TEXT:
    case JSON_RAW:
        free(*(void **)at);
        break;
    case JSON_BOOL:
    case JSON_INT:
    case JSON_UINT:
    case JSON_NUMBER:
        break;
    case JSON_OBJECT:
        if (*(void **)at)
            json_done(field->type, *(void **)at);
        free(*(void **)at);
        break;
    case JSON_TEXTS: {
        JsonTexts *texts = at;
        while (texts->n)
            free(texts->item[--texts->n]);
        free(texts->item);
        break;
    }
    case JSON_UINTS:
        free(((JsonUints *)at)->item);
        break;
    case JSON_OBJECTS: {
        JsonObjects *objects = at;
        while (objects->n)
            json_done(field->type, (char *)objects->item + --objects->n * field->type->size);
        free(objects->item);
        break;
    }
    case JSON_MAP: {
        JsonMap *map = at;
        while (map->n) {
            free(map->key[--map->n]);
            free(map->value[map->n]);
        }
        free(map->key);
        free(map->value);
        break;
    }
    case JSON_OBJECT_MAP: {
        JsonObjectMap *map = at;
        while (map->n) {
            free(map->key[--map->n]);
            json_done(field->type, (char *)map->value + map->n * field->type->size);
        }
        free(map->key);
        free(map->value);
        break;
    }
    }
}

void json_done(const JsonType *type, void *value) {
    for (const JsonField *field = type->field; field->name; field++)
        done_field(field, (char *)value + field->offset);
    memset(value, 0, type->size);
}

void json_texts_add(JsonTexts *texts, const char *text) {
    texts->item = memory_resize(texts->item, texts->n + 2, sizeof(char *));
    texts->item[texts->n++] = text_copy(text);
    texts->item[texts->n] = NULL;
}

void json_map_set(JsonMap *map, const char *key, const char *value) {
    for (size_t i = 0; i < map->n; i++)
        if (strcmp(map->key[i], key) == 0) {
            char *old = map->value[i];
            map->value[i] = text_copy(value);
            free(old);
            return;
        }
    map->key = memory_resize(map->key, map->n + 1, sizeof(char *));
    map->value = memory_resize(map->value, map->n + 1, sizeof(char *));
    map->key[map->n] = text_copy(key);
    map->value[map->n++] = text_copy(value);
}

const char *json_map_find(const JsonMap *map, const char *key) {
    for (size_t i = 0; i < map->n; i++)
        if (strcmp(map->key[i], key) == 0)
            return map->value[i];
    return NULL;
}

void *json_objects_add(JsonObjects *objects, const JsonType *type) {
    objects->item = memory_resize(objects->item, objects->n + 1, type->size);
    return memset((char *)objects->item + objects->n++ * type->size, 0, type->size);
}

void *json_object_map_add(JsonObjectMap *map, const char *key, const JsonType *type) {
    map->key = memory_resize(map->key, map->n + 1, sizeof(char *));
    map->value = memory_resize(map->value, map->n + 1, type->size);
    map->key[map->n] = text_copy(key);
    return memset((char *)map->value + map->n++ * type->size, 0, type->size);
}

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
    switch (c) {
    case '"':
        text_append(out, "\\\"");
        break;
    case '\\':
        text_append(out, "\\\\");
        break;
    case '\n':
        text_append(out, "\\n");
        break;
    case '\r':
        text_append(out, "\\r");
        break;
    case '\t':
        text_append(out, "\\t");
        break;
    default:
        text_append_format(out, "\\u%04x", c);
    }
}

void json_append_string(Text *out, const char *bytes, size_t n) {
    const unsigned char *s = (const unsigned char *)bytes;
    text_reserve(out, n + 2);
    text_append_char(out, '"');
    size_t plain = 0; /* start of the run that needs no escape */
    for (size_t i = 0; i < n;) {
        bool escape = s[i] < 0x20 || s[i] == '"' || s[i] == '\\' || s[i] == 0x7f;
        size_t length = escape ? 0 : utf8_length(s + i, n - i);
        if (length) {
            i += length;
            continue;
        }
        text_append_bytes(out, s + plain, i - plain);
        if (escape)
            append_escape(out, s[i]);
        else
            text_append(out, "\\ufffd");
        plain = ++i;
    }
    text_append_bytes(out, s + plain, n - plain);
    text_append_char(out, '"');
}
