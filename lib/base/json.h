// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"

/* One table of rows per document type: the same rows decode, encode and free a struct. Rows hold
 * types, not code; meaning (absolute paths, known names) is checked by the document's owner after
 * decoding. The only door to yajl. Nesting is bounded at 64 levels.
 *
 *     #define T OciUser
 *     static const JsonField user_fields[] = {
 *         {"uid", JSON_UINT, JSON_AT(uid), .flags = JSON_REQUIRED},
 *         {},
 *     };
 *     static const JsonType user_type = {sizeof(T), user_fields};
 *     #undef T
 */
typedef enum JsonKind {
    JSON_TEXT,       /* char * */
    JSON_BOOL,       /* JsonBool */
    JSON_INT,        /* JsonInt */
    JSON_UINT,       /* JsonUint, up to UINT64_MAX */
    JSON_NUMBER,     /* JsonNumber */
    JSON_OBJECT,     /* pointer to a struct of the row's type */
    JSON_TEXTS,      /* JsonTexts */
    JSON_UINTS,      /* JsonUints */
    JSON_OBJECTS,    /* JsonObjects: array of structs of the row's type */
    JSON_MAP,        /* JsonMap: object of strings */
    JSON_OBJECT_MAP, /* JsonObjectMap: object of structs of the row's type */
    JSON_RAW,        /* char *: any value, kept as compact JSON text */
} JsonKind;

typedef enum JsonFlags {
    JSON_REQUIRED = 1 << 0, /* decoding without it is ERROR_INVALID */
    JSON_ALWAYS = 1 << 1,   /* encode absent as "", false, 0, [], {} */
    JSON_NULL = 1 << 2,     /* encode absent as null */
    JSON_16 = 1 << 3,       /* decoding a number beyond 16 bits is ERROR_INVALID */
    JSON_32 = 1 << 4,       /* or beyond 32: one of these is for every number that is cast */
} JsonFlags;

typedef struct JsonBool {
    bool set, value;
} JsonBool;
typedef struct JsonInt {
    bool set;
    int64_t value;
} JsonInt;
typedef struct JsonUint {
    bool set;
    uint64_t value;
} JsonUint;
typedef struct JsonNumber {
    bool set;
    double value;
} JsonNumber;
typedef struct JsonTexts {
    size_t n;
    char **item;     /* NULL when absent; else NULL-terminated, so it serves as argv */
    size_t capacity; /* json_texts_add's; 0: as many as there are */
} JsonTexts;
typedef struct JsonUints {
    size_t n;
    uint64_t *item;
} JsonUints;
typedef struct JsonObjects {
    size_t n;
    void *item;
} JsonObjects;
typedef struct JsonMap {
    size_t n;
    char **key, **value;
} JsonMap;
typedef struct JsonObjectMap {
    size_t n;
    char **key;
    void *value; /* array of structs */
} JsonObjectMap;

typedef struct JsonType JsonType;
typedef struct JsonField {
    const char *name;
    JsonKind kind;
    size_t offset;
    const JsonType *type;
    unsigned flags;
} JsonField;
struct JsonType {
    size_t size;
    const JsonField *field; /* ends with {} */
};
#define JSON_AT(member) offsetof(T, member)

/* Fills *ret (caller's memory, type->size bytes); release with json_done. ERROR_INVALID names the
 * field path: "process.rlimits[0].hard: expected a non-negative integer". Unknown fields are
 * ignored, null is absence, the last of equal keys wins; letter case makes no difference. */
int json_decode(const JsonType *type, const char *text, size_t length, void *ret, Error *err);

/* The keys of an object, for documents in which an unknown one is a mistake. */
int json_keys(const char *text, size_t length, JsonTexts *ret, Error *err);
/* New string. indent: spaces per level, 0 for compact. */
char *json_encode(const JsonType *type, const void *value, unsigned indent);
/* Clears all type->size bytes: what is owned besides the fields is to be freed before. */
void json_done(const JsonType *type, void *value);

/* JSON string with quotes and escapes; bytes that are not UTF-8 become U+FFFD (as Docker's log). */
void json_append_string(Text *out, const char *bytes, size_t n);

/* Helpers for filling documents; an object is zeroed, and where it is until the next add. */
void json_texts_add(JsonTexts *texts, const char *text);
void json_texts_done(JsonTexts *texts);
CLEANUP_DEFINE_DONE(JsonTexts, json_texts_done)
void json_map_done(JsonMap *map);
void json_map_set(JsonMap *map, const char *key, const char *value);
const char *json_map_find(const JsonMap *map, const char *key);
void *json_objects_add(JsonObjects *objects, const JsonType *type);
void *json_object_map_add(JsonObjectMap *map, const char *key, const JsonType *type);
