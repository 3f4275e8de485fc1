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

static size_t cell_width(const char *text, size_t length) {
    size_t width = 0;
    for (size_t i = 0; i < length; i++)
        width += ((unsigned char)text[i] & 0xc0) != 0x80;
    return width;
}

size_t text_width(const char *text) {
    return cell_width(text, strlen(text));
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

/* Cells of one text: lines, and in them what stands between tabs. */
typedef struct Grid {
    size_t lines;
    size_t *first; /* cell of each line, and the number of all at the end */
    size_t cells;
    size_t *at, *length, *width; /* by cell: in bytes, and the column's width in characters */
} Grid;

static void grid_done(Grid *grid) {
    free(grid->first);
    free(grid->at);
    free(grid->length);
    free(grid->width);
}
CLEANUP_DEFINE_DONE(Grid, grid_done)

static void split(const char *text, Grid *grid) {
    size_t n = 1, at = 0;
    for (const char *p = text; *p; p++)
        n += *p == '\t' || *p == '\n';
    grid->first = new_array(size_t, n + 1);
    grid->at = new_array(size_t, n);
    grid->length = new_array(size_t, n);
    grid->width = new_array(size_t, n);
    while (text[at]) {
        grid->first[grid->lines++] = grid->cells;
        for (char end = '\t'; end == '\t'; at += end != '\0') {
            size_t length = strcspn(text + at, "\t\n");
            grid->at[grid->cells] = at;
            grid->length[grid->cells++] = length;
            at += length;
            end = text[at];
        }
    }
    grid->first[grid->lines] = grid->cells;
}

static bool has_column(const Grid *grid, size_t line, size_t column) {
    return grid->first[line] + column + 1 < grid->first[line + 1];
}

/* As Go's text/tabwriter: the cells of a column are those of consecutive lines that a tab ends. */
static void measure(const char *text, Grid *grid) {
    for (size_t line = 0; line < grid->lines; line++)
        for (size_t column = 0; has_column(grid, line, column); column++) {
            size_t end = line, width = CELL_MIN;
            if (grid->width[grid->first[line] + column])
                continue; // with the column's first line
            for (; end < grid->lines && has_column(grid, end, column); end++) {
                size_t cell = grid->first[end] + column;
                size_t own = cell_width(text + grid->at[cell], grid->length[cell]) + GAP;
                width = own > width ? own : width;
            }
            while (end-- > line)
                grid->width[grid->first[end] + column] = width;
        }
}

void table_print_text(const char *text, FILE *out) {
    autodone(Grid) grid = {};
    split(text, &grid);
    measure(text, &grid);
    for (size_t line = 0; line < grid.lines; line++) {
        for (size_t cell = grid.first[line]; cell < grid.first[line + 1]; cell++) {
            const char *start = text + grid.at[cell];
            size_t width = cell_width(start, grid.length[cell]);
            int padding = grid.width[cell] ? (int)(grid.width[cell] - width) : 0;
            fprintf(out, "%.*s%*s", (int)grid.length[cell], start, padding, "");
        }
        fputc('\n', out);
    }
}

void table_print(const Table *table, FILE *out) {
    autodone(Text) text = {};
    for (size_t i = 0; i < table->n; i++) {
        for (const char *p = table->cell[i]; *p; p++) // would be cells of their own
            text_append_char(&text, *p == '\t' || *p == '\n' ? ' ' : *p);
        text_append_char(&text, i % table->columns == table->columns - 1 ? '\n' : '\t');
    }
    table_print_text(text.data ? text.data : "", out);
}

void table_done(Table *table) {
    for (size_t i = 0; i < table->n; i++)
        free(table->cell[i]);
    free(table->cell);
    *table = (Table){.columns = table->columns};
}
