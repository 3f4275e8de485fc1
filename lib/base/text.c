// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/memory.h"

void text_reserve(Text *text, size_t more) {
    size_t need = text->length + more + 1;
    if (need <= text->capacity)
        return;
    size_t capacity = text->capacity ? text->capacity : 64;
    while (capacity < need)
        capacity *= 2;
    text->data = memory_resize(text->data, capacity, 1);
    text->capacity = capacity;
}

void text_append_bytes(Text *text, const void *bytes, size_t n) {
    text_reserve(text, n);
    if (n)
        memcpy(text->data + text->length, bytes, n);
    text->length += n;
    text->data[text->length] = '\0';
}

void text_append(Text *text, const char *string) {
    text_append_bytes(text, string, strlen(string));
}

void text_append_char(Text *text, char c) {
    text_append_bytes(text, &c, 1);
}

__attribute__((format(printf, 2, 0))) static void append_format_v(
    Text *text, const char *format, va_list args) {
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (n < 0)
        abort();
    text_reserve(text, (size_t)n);
    vsnprintf(text->data + text->length, (size_t)n + 1, format, args);
    text->length += (size_t)n;
}

void text_append_format(Text *text, const char *format, ...) {
    va_list args;
    va_start(args, format);
    append_format_v(text, format, args);
    va_end(args);
}

void text_clear(Text *text) {
    text->length = 0;
    if (text->data)
        text->data[0] = '\0';
}

char *text_take(Text *text) {
    char *data = text->data ? text->data : text_copy("");
    *text = (Text){};
    return data;
}

void text_done(Text *text) {
    free(text->data);
    *text = (Text){};
}

char *text_copy(const char *string) {
    return string ? memory_copy(string, strlen(string) + 1) : NULL;
}

char *text_copy_n(const char *string, size_t n) {
    n = n ? strnlen(string, n) : 0; /* a string of no bytes may be NULL */
    char *copy = memory_new(n + 1);
    if (n)
        memcpy(copy, string, n);
    return copy;
}

char *text_format_v(const char *format, va_list args) {
    Text text = {};
    append_format_v(&text, format, args);
    return text_take(&text);
}

char *text_format(const char *format, ...) {
    va_list args;
    va_start(args, format);
    char *string = text_format_v(format, args);
    va_end(args);
    return string;
}

bool text_equal(const char *a, const char *b) {
    return a && b ? strcmp(a, b) == 0 : a == b;
}

bool text_starts(const char *string, const char *prefix) {
    return strncmp(string, prefix, strlen(prefix)) == 0;
}

bool text_ends(const char *string, const char *suffix) {
    size_t n = strlen(string), m = strlen(suffix);
    return n >= m && memcmp(string + n - m, suffix, m) == 0;
}

bool text_is_empty(const char *string) {
    return !string || !*string;
}

void text_make_printable(char *string) {
    for (unsigned char *at = (unsigned char *)string; *at; at++) {
        if (*at >= '\t' && *at <= '\r')
            *at = ' ';
        else if (*at < ' ' || *at == 0x7f)
            *at = '?';
        else if (at[0] == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0)
            at[0] = at[1] = '?';
    }
}

char **texts_split(const char *string, char separator) {
    size_t n = 0;
    char **texts = NULL;
    while (*string) {
        const char *end = strchrnul(string, separator);
        array_append(texts, n, text_copy_n(string, (size_t)(end - string)));
        if (!*end)
            break;
        string = end + 1;
        if (!*string)
            array_append(texts, n, text_copy(""));
    }
    array_append(texts, n, NULL);
    return texts;
}

char *texts_join(char *const *texts, const char *separator) {
    Text joined = {};
    for (char *const *t = texts; t && *t; t++) {
        if (t != texts)
            text_append(&joined, separator);
        text_append(&joined, *t);
    }
    return text_take(&joined);
}

size_t texts_count(char *const *texts) {
    size_t n = 0;
    while (texts && texts[n])
        n++;
    return n;
}

char **texts_copy(char *const *texts) {
    size_t n = texts_count(texts);
    char **copy = new_array(char *, n + 1);
    for (size_t i = 0; i < n; i++)
        copy[i] = text_copy(texts[i]);
    return copy;
}

void texts_free(char **texts) {
    for (char **t = texts; t && *t; t++)
        free(*t);
    free(texts);
}

/* strtoull accepts leading space, signs and an empty string; we do not. */
int text_parse_uint(const char *string, const char *what, uint64_t *ret, Error *err) {
    if (!isdigit((unsigned char)*string))
        return error_set(err, ERROR_INVALID, "invalid %s '%s': not a number", what, string);
    char *end;
    errno = 0;
    uint64_t value = strtoull(string, &end, 10);
    if (*end)
        return error_set(err, ERROR_INVALID, "invalid %s '%s': not a number", what, string);
    if (errno)
        return error_set(err, ERROR_RANGE, "invalid %s '%s': too large", what, string);
    *ret = value;
    return 0;
}

int text_parse_int(const char *string, const char *what, int64_t *ret, Error *err) {
    bool negative = *string == '-';
    uint64_t value;
    TRY(text_parse_uint(string + negative, what, &value, err));
    if (value > (uint64_t)INT64_MAX)
        return error_set(err, ERROR_RANGE, "invalid %s '%s': too large", what, string);
    *ret = negative ? -(int64_t)value : (int64_t)value;
    return 0;
}

int text_parse_size(const char *string, const char *what, uint64_t *ret, Error *err) {
    static const char units[] = "bkmgtp";
    char *end;
    if (!isdigit((unsigned char)*string))
        return error_set(err, ERROR_INVALID, "invalid %s: '%s'", what, string);
    double value = strtod(string, &end);
    if (*end == ' ')
        end++;
    const char *unit = *end ? strchr(units, tolower((unsigned char)*end)) : units;
    const char *rest = *end ? end + 1 : end;
    bool tail = !*rest || (unit != units && (!strcasecmp(rest, "b") || !strcasecmp(rest, "ib")));
    if (!unit || !tail || strcspn(string, "xX") < (size_t)(end - string))
        return error_set(err, ERROR_INVALID, "invalid %s: '%s'", what, string);
    for (const char *u = units; u < unit; u++)
        value *= 1024;
    if (!(value < 9.2e18))
        return error_set(err, ERROR_RANGE, "invalid %s '%s': too large", what, string);
    *ret = (uint64_t)value;
    return 0;
}

void text_random_hex(char *ret, size_t bytes) {
    static const char digits[] = "0123456789abcdef";
    unsigned char *raw = (unsigned char *)ret + bytes; /* the half that is written last */
    size_t have = 0;
    while (have < bytes) {
        ssize_t n = getrandom(raw + have, bytes - have, 0);
        have += n > 0 ? (size_t)n : 0;
    }
    for (size_t i = 0; i < bytes; i++) {
        unsigned char byte = raw[i];
        ret[2 * i] = digits[byte >> 4];
        ret[2 * i + 1] = digits[byte & 15];
    }
    ret[2 * bytes] = '\0';
}
