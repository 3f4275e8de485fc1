// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stddef.h>
#include <stdio.h>

#include "base/cleanup.h"

/* Rows of cells, printed in columns with three spaces between them, as Docker's tables: a column is
 * as wide as its widest cell but at least 7 characters, the last one is not padded. */
typedef struct Table {
    size_t columns;
    size_t n; /* cells */
    char **cell;
} Table;

void table_add(Table *table, const char *text); /* a copy; row by row */
void table_add_format(Table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));
void table_print(const Table *table, FILE *out);
/* The same of a text whose lines are rows and whose tabs end cells; its last line ends, too. */
void table_print_text(const char *text, FILE *out);
void table_done(Table *table);
CLEANUP_DEFINE_DONE(Table, table_done)

/* Characters (not bytes) of UTF-8 text. */
size_t text_width(const char *text);

/* The first `width` characters; the last of them is "…" when something was cut. New string. */
char *text_ellipsis(const char *text, size_t width);
