// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/gvariant.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

enum {
    DEPTH_MAX = 8,
    LENGTH_MAX = 65536,
    ITEMS_MAX = 4096,
    SIGNATURE_MAX = 64
};

#define USEC_PER_SECOND UINT64_C(1000000)

typedef struct Parser {
    const char *at;
    unsigned depth;
} Parser;

/* The words for types, and the range of the integers among them. */
typedef struct TypeWord {
    const char *word;
    char type;
    int64_t min;
    uint64_t max;
} TypeWord;

static const TypeWord type_words[] = {
    {"boolean", 'b', 0, 0},
    {"byte", 'y', 0, UINT8_MAX},
    {"int16", 'n', INT16_MIN, INT16_MAX},
    {"uint16", 'q', 0, UINT16_MAX},
    {"int32", 'i', INT32_MIN, INT32_MAX},
    {"uint32", 'u', 0, UINT32_MAX},
    {"int64", 'x', INT64_MIN, INT64_MAX},
    {"uint64", 't', 0, UINT64_MAX},
    {"double", 'd', 0, 0},
    {"string", 's', 0, 0},
    {"objectpath", 'o', 0, 0},
    {"signature", 'g', 0, 0},
};

static int parse_value(Parser *p, const char *type, GvariantValue *ret, Error *err);

static int fail(const Parser *p, const char *expected, Error *err) {
    return error_set(err, ERROR_INVALID, "expected %s at \"%.20s\"", expected, p->at);
}

static void skip_space(Parser *p) {
    p->at += strspn(p->at, " \t\r\n");
}

static bool take(Parser *p, char c) {
    skip_space(p);
    bool here = *p->at == c;
    p->at += here;
    return here;
}

static const TypeWord *type_of(char type) {
    for (size_t i = 0; i < array_size(type_words); i++)
        if (type_words[i].type == type)
            return &type_words[i];
    return NULL;
}

/* The end of one complete type, or NULL. */
static const char *skip_type(const char *type, unsigned depth) {
    if (depth > DEPTH_MAX)
        return NULL;
    if (*type == 'a')
        return skip_type(type + 1, depth + 1);
    if (*type != '(')
        return type_of(*type) ? type + 1 : NULL;
    const char *at = type + 1;
    while (at && *at != ')')
        at = *at ? skip_type(at, depth + 1) : NULL;
    return at && at > type + 1 ? at + 1 : NULL;
}

static int parse_keyword(Parser *p, const char *word, GvariantValue *ret, Error *err) {
    if (strcmp(word, "true") == 0 || strcmp(word, "false") == 0) {
        ret->signature = text_copy("b");
        ret->number = *word == 't';
        return 0;
    }
    for (size_t i = 0; i < array_size(type_words); i++)
        if (strcmp(word, type_words[i].word) == 0)
            return parse_value(p, (char[]){type_words[i].type, '\0'}, ret, err);
    return error_set(err, ERROR_INVALID, "unknown word \"%s\"", word);
}

static int parse_word(Parser *p, GvariantValue *ret, Error *err) {
    size_t n = 0;
    while (islower((unsigned char)p->at[n]) || isdigit((unsigned char)p->at[n]))
        n++;
    autofree char *word = text_copy_n(p->at, n);
    p->at += n;
    return parse_keyword(p, word, ret, err);
}

static int parse_signed(Parser *p, const TypeWord *type, GvariantValue *ret, Error *err) {
    char *end;
    errno = 0;
    long long value = strtoll(p->at, &end, 0);
    if (end == p->at || errno || value < type->min)
        return fail(p, "a number in range", err);
    ret->number = (uint64_t)value;
    p->at = end;
    return 0;
}

static int parse_unsigned(Parser *p, const TypeWord *type, GvariantValue *ret, Error *err) {
    char *end;
    errno = 0;
    unsigned long long value = strtoull(p->at, &end, 0);
    if (end == p->at || errno || value > type->max)
        return fail(p, "a number in range", err);
    ret->number = value;
    p->at = end;
    return 0;
}

static int parse_double(Parser *p, GvariantValue *ret, Error *err) {
    char *end;
    ret->real = strtod(p->at, &end);
    if (end == p->at)
        return fail(p, "a number", err);
    p->at = end;
    return 0;
}

static bool looks_real(const char *at) {
    size_t n = strspn(at, "+-0123456789");
    return !(at[0] == '0' && (at[1] == 'x' || at[1] == 'X')) && (at[n] == '.' || at[n] == 'e');
}

static int parse_number(Parser *p, const char *type, GvariantValue *ret, Error *err) {
    char wanted = type ? *type : looks_real(p->at) ? 'd' : 'i';
    const TypeWord *row = type_of(wanted);
    ret->signature = text_copy((char[]){wanted, '\0'});
    if (wanted == 'd')
        return parse_double(p, ret, err);
    if (!row || (!row->max && !row->min))
        return fail(p, "something other than a number", err);
    return *p->at == '-' ? parse_signed(p, row, ret, err) : parse_unsigned(p, row, ret, err);
}

static char unescape(char c) {
    static const char from[] = "abfnrtv", to[] = "\a\b\f\n\r\t\v";
    const char *at = strchr(from, c);
    return at && c ? to[at - from] : c;
}

char *gvariant_quote(const char *text) {
    Text quoted = {};
    text_append_char(&quoted, '\'');
    for (const char *c = text; *c; c++) {
        if (*c == '\'' || *c == '\\')
            text_append_char(&quoted, '\\');
        text_append_char(&quoted, *c);
    }
    text_append_char(&quoted, '\'');
    return text_take(&quoted);
}

static int parse_text(Parser *p, const char *type, GvariantValue *ret, Error *err) {
    char quote = *p->at++;
    Text text = {};
    text_append(&text, "");
    for (; *p->at && *p->at != quote; p->at++)
        text_append_char(&text, *p->at == '\\' && p->at[1] ? unescape(*++p->at) : *p->at);
    ret->text = text_take(&text);
    ret->signature = text_copy(type ? type : "s");
    if (!take(p, quote))
        return fail(p, "a closing quote", err);
    return strchr("sog", *ret->signature) ? 0 : fail(p, "something other than text", err);
}

static GvariantValue *add_item(GvariantValue *value) {
    value->item = memory_resize(value->item, value->n + 1, sizeof *value->item);
    GvariantValue *item = &value->item[value->n++];
    *item = (GvariantValue){};
    return item;
}

/* All items have the type of the first, unless the array's own type is known. */
static int parse_array(Parser *p, const char *type, GvariantValue *ret, Error *err) {
    const char *item_type = type && *type == 'a' ? type + 1 : NULL;
    if (type && !item_type)
        return fail(p, "something other than an array", err);
    p->at++;
    while (!take(p, ']')) {
        if (ret->n == ITEMS_MAX || (ret->n && !take(p, ',')))
            return fail(p, "',' or ']'", err);
        const char *wanted = item_type ? item_type : ret->n ? ret->item[0].signature : NULL;
        TRY(parse_value(p, wanted, add_item(ret), err));
    }
    if (!ret->n && !item_type)
        return fail(p, "a type before an empty array", err);
    ret->signature = text_format("a%s", item_type ? item_type : ret->item[0].signature);
    return 0;
}

static int parse_tuple(Parser *p, const char *type, GvariantValue *ret, Error *err) {
    const char *item_type = type && *type == '(' ? type + 1 : NULL;
    Text signature = {};
    if (type && !item_type)
        return fail(p, "something other than a tuple", err);
    p->at++;
    text_append_char(&signature, '(');
    int r = 0;
    while (r >= 0 && !take(p, ')')) {
        const char *end = item_type ? skip_type(item_type, 0) : NULL;
        autofree char *wanted = end ? text_copy_n(item_type, (size_t)(end - item_type)) : NULL;
        if (ret->n == ITEMS_MAX || (ret->n && !take(p, ',')) || (item_type && !end)) {
            r = fail(p, "',' or ')'", err);
            break;
        }
        GvariantValue *item = add_item(ret);
        r = parse_value(p, wanted, item, err);
        text_append(&signature, r < 0 ? "" : item->signature);
        item_type = end;
    }
    text_append_char(&signature, ')');
    ret->signature = text_take(&signature);
    if (r >= 0 && (!ret->n || (type && strcmp(type, ret->signature) != 0)))
        return fail(p, "as many items as the type has", err);
    return r;
}

/* "@as" before a value. */
static int parse_typed(Parser *p, GvariantValue *ret, Error *err) {
    const char *end = skip_type(++p->at, 0);
    if (!end || end - p->at > SIGNATURE_MAX)
        return fail(p, "a type", err);
    autofree char *type = text_copy_n(p->at, (size_t)(end - p->at));
    p->at = end;
    return parse_value(p, type, ret, err);
}

static int parse_any(Parser *p, const char *type, GvariantValue *ret, Error *err) {
    switch (*p->at) {
    case '\'':
    case '"':
        return parse_text(p, type, ret, err);
    case '[':
        return parse_array(p, type, ret, err);
    case '(':
        return parse_tuple(p, type, ret, err);
    case '@':
        return parse_typed(p, ret, err);
    default:
        return islower((unsigned char)*p->at) ? parse_word(p, ret, err)
                                              : parse_number(p, type, ret, err);
    }
}

static int parse_value(Parser *p, const char *type, GvariantValue *ret, Error *err) {
    skip_space(p);
    if (++p->depth > DEPTH_MAX)
        return fail(p, "less nesting", err);
    TRY(parse_any(p, type, ret, err));
    p->depth--;
    if (type && strcmp(type, ret->signature) != 0)
        return error_set(
            err, ERROR_INVALID, "expected type \"%s\", not \"%s\"", type, ret->signature);
    return 0;
}

int gvariant_parse(const char *text, GvariantValue *ret, Error *err) {
    Parser p = {.at = text};
    *ret = (GvariantValue){};
    if (strlen(text) > LENGTH_MAX)
        return error_set(err, ERROR_EXHAUSTED, "more than %d bytes", LENGTH_MAX);
    int r = parse_value(&p, NULL, ret, err);
    skip_space(&p);
    if (r >= 0 && *p.at)
        r = fail(&p, "the end", err);
    if (r < 0)
        gvariant_done(ret);
    return r;
}

int gvariant_seconds_to_usec(GvariantValue *value, Error *err) {
    char type = value->signature[1] ? '\0' : value->signature[0];
    if (type == 'd' && value->real >= 0 && value->real < 1e12)
        value->number = (uint64_t)(value->real * (double)USEC_PER_SECOND);
    else if (type && strchr("ynqiuxt", type) && value->number <= UINT64_MAX / USEC_PER_SECOND)
        value->number *= USEC_PER_SECOND;
    else
        return error_set(err, ERROR_INVALID, "not a number of seconds");
    *value->signature = 't';
    return 0;
}

void gvariant_done(GvariantValue *value) {
    for (size_t i = 0; i < value->n; i++)
        gvariant_done(&value->item[i]);
    free(value->item);
    free(value->signature);
    free(value->text);
    *value = (GvariantValue){};
}
