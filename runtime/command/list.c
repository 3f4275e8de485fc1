// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "runtime/command/command.h"
#include "runtime/command/report.h"

typedef struct ListOptions {
    const char *format;
    bool quiet;
} ListOptions;

#define T ListOptions
static const Option options[] = {
    {'f', "format", OPTION_TEXT, offsetof(T, format), "format", "table (the default) or json"},
    {'q', "quiet", OPTION_FLAG, offsetof(T, quiet), NULL, "print only ids"},
    {},
};
#undef T

enum {
    COLUMNS = 6,
    COLUMN_MIN = 12,
    COLUMN_GAP = 3
};

typedef struct Row {
    Container container;
    ContainerReport report;
} Row;

typedef struct Rows {
    Row *item;
    size_t n;
} Rows;

static int compare(const void *a, const void *b) {
    return strcmp(((const Row *)a)->report.id, ((const Row *)b)->report.id);
}

static int collect(const Globals *globals, Rows *ret, Error *err) {
    DIR *stream = opendir(globals->root);
    if (!stream)
        return errno == ENOENT && !globals->root_is_given
                   ? 0
                   : error_set_errno(err, errno, "cannot list '%s'", globals->root);
    for (struct dirent *entry; (entry = readdir(stream));) {
        Row row = {};
        Error ignored; /* half made, or deleted meanwhile */
        if (entry->d_name[0] == '.' || entry->d_type != DT_DIR)
            continue;
        if (container_load(&row.container, globals->root, entry->d_name, &ignored) < 0) {
            container_done(&row.container);
            continue;
        }
        row.report = container_report(&row.container);
        array_append(ret->item, ret->n, row);
    }
    closedir(stream);
    if (ret->n)
        qsort(ret->item, ret->n, sizeof *ret->item, compare);
    return 0;
}

static void print_table(const Rows *rows) {
    static const char *const titles[COLUMNS] = {
        "ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"};
    const char *(*cells)[COLUMNS] = memory_new_array(rows->n + 1, sizeof *cells);
    char(*pids)[16] = memory_new_array(rows->n + 1, sizeof *pids);
    size_t width[COLUMNS] = {};
    memcpy(cells[0], titles, sizeof titles);
    for (size_t i = 0; i < rows->n; i++) {
        const ContainerReport *r = &rows->item[i].report;
        snprintf(pids[i], sizeof pids[i], "%lld", (long long)r->pid.value);
        const char *cell[COLUMNS] = {r->id, pids[i], r->status, r->bundle, r->created, r->owner};
        memcpy(cells[i + 1], cell, sizeof cell);
    }
    for (size_t i = 0; i <= rows->n; i++)
        for (size_t c = 0; c < COLUMNS; c++) {
            size_t n = strlen(cells[i][c]) + COLUMN_GAP;
            n = n < COLUMN_MIN ? COLUMN_MIN : n;
            width[c] = n > width[c] ? n : width[c];
        }
    for (size_t i = 0; i <= rows->n; i++) {
        for (size_t c = 0; c + 1 < COLUMNS; c++)
            printf("%-*s", (int)width[c], cells[i][c]);
        puts(cells[i][COLUMNS - 1]);
    }
    free(cells);
    free(pids);
}

static void print_json(const Rows *rows) {
    if (!rows->n) {
        puts("null"); /* as the reference runtime: an absent list */
        return;
    }
    for (size_t i = 0; i < rows->n; i++) {
        autofree char *text = json_encode(&container_report_type, &rows->item[i].report, 0);
        printf("%c%s", i ? ',' : '[', text);
    }
    puts("]");
}

static int print(const Rows *rows, const ListOptions *parsed, Error *err) {
    if (parsed->quiet)
        for (size_t i = 0; i < rows->n; i++)
            puts(rows->item[i].report.id);
    else if (!parsed->format || strcmp(parsed->format, "table") == 0)
        print_table(rows);
    else if (strcmp(parsed->format, "json") == 0)
        print_json(rows);
    else
        return error_set(err, ERROR_INVALID, "invalid format option: \"%s\"", parsed->format);
    return 0;
}

static int run(const Globals *globals, int argc, char **argv, Error *err) {
    ListOptions parsed = {};
    Rows rows = {};
    int first;
    int r = command_parse(&command_list, argc, argv, 0, 0, &parsed, &first, err);
    if (r)
        return r < 0 ? r : 0;
    r = collect(globals, &rows, err);
    if (r >= 0)
        r = print(&rows, &parsed, err);
    for (size_t i = 0; i < rows.n; i++) {
        free(rows.item[i].report.owner);
        container_done(&rows.item[i].container);
    }
    free(rows.item);
    return r;
}

const Command command_list = {"list", "", "list the containers of this root", run, options};
