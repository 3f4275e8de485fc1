// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"

/* A Text is a growing byte string; data is always NUL-terminated once anything was appended.
 * Initialise with = {}. */
typedef struct Text {
    char *data;
    size_t length, capacity;
} Text;

void text_append(Text *text, const char *string);
void text_append_bytes(Text *text, const void *bytes, size_t n);
void text_append_char(Text *text, char c);
void text_append_format(Text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_reserve(Text *text, size_t more); /* room for `more` bytes beyond length */
void text_clear(Text *text);                /* length 0, memory kept */
char *text_take(Text *text); /* the caller owns the string, "" if nothing was appended */
void text_done(Text *text);
CLEANUP_DEFINE_DONE(Text, text_done)

/* New strings, never NULL; text_copy(NULL) is NULL. */
char *text_copy(const char *string);
char *text_copy_n(const char *string, size_t n);
char *text_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
char *text_format_v(const char *format, va_list args) __attribute__((format(printf, 1, 0)));

bool text_equal(const char *a, const char *b); /* NULL equals only NULL */
bool text_starts(const char *string, const char *prefix);
bool text_ends(const char *string, const char *suffix);
bool text_is_empty(const char *string); /* NULL or "" */

/* What others wrote, before it reaches a terminal or a line of a log: white space becomes a blank,
 * other control characters (C0, DEL, C1) a question mark. In place. */
void text_make_printable(char *string);

/* A NULL-terminated array of strings, as argv and environ. */
char **texts_split(const char *string, char separator); /* "a,,b" gives three; "" gives none */
char *texts_join(char *const *texts, const char *separator);
size_t texts_count(char *const *texts);
char **texts_copy(char *const *texts);
void texts_free(char **texts);
static inline void cleanup_texts_(char ***texts) {
    texts_free(*texts);
}
#define autotexts __attribute__((cleanup(cleanup_texts_)))

/* Whole-string decimal numbers; ERROR_INVALID names `what`, ERROR_RANGE when it does not fit. */
int text_parse_int(const char *string, const char *what, int64_t *ret, Error *err);
int text_parse_uint(const char *string, const char *what, uint64_t *ret, Error *err);

/* "512", "64k", "1.5g", "10MiB" in bytes, powers of 1024 (Docker's -m); ERROR_INVALID. */
int text_parse_size(const char *string, const char *what, uint64_t *ret, Error *err);

/* Lower-case hexadecimal of `bytes` random bytes (getrandom(2)); ret holds 2 * bytes + 1. */
void text_random_hex(char *ret, size_t bytes);
