// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>
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

/* As Go's encoding/json, which reads these documents elsewhere: "Cpus" is "cpus". */
static yajl_val lookup(yajl_val object, const char *name) {
    for (size_t i = object->u.object.len; i > 0; i--) {
        const char *key = object->u.object.keys[i - 1];
        if ((*key | 0x20) == (*name | 0x20) && strcasecmp(key, name) == 0)
            return object->u.object.values[i - 1];
    }
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

static int check_uint(uint64_t value, unsigned flags, const Path *path, Error *err) {
    if (flags & JSON_16 && value > UINT16_MAX)
        return mismatch(path, "a number up to 65535", err);
    if (flags & JSON_32 && value > UINT32_MAX)
        return mismatch(path, "a number up to 4294967295", err);
    return 0;
}

static int check_int(int64_t value, unsigned flags, const Path *path, Error *err) {
    bool fits = !(flags & JSON_32) || (value >= INT32_MIN && value <= INT32_MAX);
    return fits ? 0 : mismatch(path, "an integer in range", err);
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
    ret->key = new_array(char *, 1); /* an empty one is not absent */
    for (size_t i = 0; i < v->u.object.len; i++) {
        Path here = {path, v->u.object.keys[i], 0};
        void *item = json_object_map_add(ret, v->u.object.keys[i], type);
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
        return check_int(((JsonInt *)at)->value, field->flags, path, err);
    case JSON_UINT:
        TRY(decode_uint(v, &((JsonUint *)at)->value, path, err));
        ((JsonUint *)at)->set = true;
        return check_uint(((JsonUint *)at)->value, field->flags, path, err);
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

/* NUL bytes and "\u0000" in strings: a C string would end there, and whoever checks its beginning
 * would know nothing of the rest. */
static bool has_nul(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\0')
            return true;
        if (text[i] == '\\' && ++i + 4 < length && memcmp(text + i, "u0000", 5) == 0)
            return true;
    }
    return false;
}

/* The tree builder does not say where it stopped; the event parser does. */
static size_t line_of_mistake(const char *text, size_t length) {
    yajl_handle parser = yajl_alloc(NULL, NULL, NULL);
    size_t line = 1, consumed = length;
    if (yajl_parse(parser, (const unsigned char *)text, length) != yajl_status_ok)
        consumed = yajl_get_bytes_consumed(parser);
    yajl_free(parser);
    for (size_t i = 0; i < consumed && i < length; i++)
        line += text[i] == '\n' && i + 1 < length;
    return line;
}

static int parse(const char *text, size_t length, yajl_val *ret, Error *err) {
    if (too_deep(text, length))
        return error_set(
            err, ERROR_INVALID, "not JSON that we read: nested deeper than %d levels", DEPTH_MAX);
    if (has_nul(text, length))
        return error_set(err, ERROR_INVALID, "not JSON that we read: a NUL character");
    char why[256] = "", *terminated = text_copy_n(text, length);
    *ret = yajl_tree_parse(terminated, why, sizeof why);
    free(terminated);
    if (*ret)
        return 0;
    why[strcspn(why, "\n")] = '\0';
    if (!*why)
        return error_set(err, ERROR_INVALID, "not JSON: empty");
    return error_set(
        err, ERROR_INVALID, "not JSON: line %zu: %s", line_of_mistake(text, length), why);
}

int json_keys(const char *text, size_t length, JsonTexts *ret, Error *err) {
    yajl_val tree;
    TRY(parse(text, length, &tree, err));
    int r = YAJL_IS_OBJECT(tree) ? 0 : mismatch(NULL, "an object", err);
    *ret = (JsonTexts){};
    for (size_t i = 0; r == 0 && i < tree->u.object.len; i++)
        json_texts_add(ret, tree->u.object.keys[i]);
    yajl_tree_free(tree);
    return r;
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
