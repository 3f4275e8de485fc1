// SPDX-License-Identifier: Apache-2.0
#include "cli/table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

enum {
    GAP = 3,
    CELL_MIN = 10
}; /* CELL_MIN with the gap */

static size_t next_character(const char *text, size_t at) {
    do
        at++;
    while (((unsigned char)text[at] & 0xc0) == 0x80);
    return at;
}

size_t text_width(const char *text) {
    size_t width = 0;
    for (size_t at = 0; text[at]; at = next_character(text, at))
        width++;
    return width;
}

char *text_ellipsis(const char *text, size_t width) {
    if (text_width(text) <= width)
        return text_copy(text);
    size_t at = 0;
    for (size_t i = 0; i + 1 < width; i++)
        at = next_character(text, at);
    return text_format("%.*s…", (int)at, text);
}

void table_add(Table *table, const char *text) {
    array_append(table->cell, table->n, text_copy(text ? text : ""));
}

void table_add_format(Table *table, const char *format, ...) {
    va_list args;
    va_start(args, format);
    char *text = text_format_v(format, args);
    va_end(args);
    array_append(table->cell, table->n, text);
}

void table_print(const Table *table, FILE *out) {
    autofree size_t *width = new_array(size_t, table->columns);
    for (size_t i = 0; i < table->n; i++) {
        size_t cell = text_width(table->cell[i]) + GAP;
        size_t *column = &width[i % table->columns];
        if (*column < cell)
            *column = cell;
        if (*column < CELL_MIN)
            *column = CELL_MIN;
    }
    for (size_t i = 0; i < table->n; i++) {
        bool last = i % table->columns == table->columns - 1;
        int padding = (int)(width[i % table->columns] - text_width(table->cell[i]));
        fprintf(out, "%s%*s", table->cell[i], last ? 0 : padding, "");
        if (last)
            fputc('\n', out);
    }
}

void table_done(Table *table) {
    for (size_t i = 0; i < table->n; i++)
        free(table->cell[i]);
    free(table->cell);
    *table = (Table){.columns = table->columns};
}
