// SPDX-License-Identifier: Apache-2.0
#include "cli/progress.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "cli/human.h"
#include "cli/table.h"
#include "cli/terminal.h"

enum {
    BAR_MIN = 10,
    BAR_MAX = 50,
    NUMBERS_WIDTH = 18
};
static const int64_t redraw_interval = 50 * TIME_MILLISECOND;

typedef struct Line {
    char *layer, *status;
    int64_t current, total, drawn_at;
    bool dirty;
} Line;

struct Progress {
    FILE *out;
    unsigned rows, columns;
    size_t n;
    Line *line;
};

Progress *progress_new(FILE *out, unsigned rows, unsigned columns) {
    Progress *progress = new (Progress);
    progress->out = out;
    progress->rows = rows;
    progress->columns = columns ? columns : 80;
    return progress;
}

Progress *progress_on(FILE *out) {
    int fd = fileno(out);
    TerminalSize size = terminal_is(fd) ? terminal_size(fd) : (TerminalSize){};
    return progress_new(out, size.rows, size.columns);
}

static void append_bar(const Line *line, unsigned columns, Text *text) {
    char current[HUMAN_SIZE], total[HUMAN_SIZE];
    size_t used = text_width(text->data) + NUMBERS_WIDTH + 6;
    size_t room = columns > used ? columns - used : 0;
    if (room >= BAR_MIN) {
        size_t width = room < BAR_MAX ? room : BAR_MAX;
        int64_t part = line->current < line->total ? line->current : line->total;
        size_t full = (size_t)((double)part / (double)line->total * (double)width);
        text_append(text, " [");
        for (size_t i = 0; i < width; i++)
            text_append_char(text, i < full ? '=' : i == full ? '>' : ' ');
        text_append_char(text, ']');
    }
    text_append_format(
        text, " %8s/%s", human_size(line->current, current), human_size(line->total, total));
}

static char *format_line(const Progress *progress, const Line *line) {
    autodone(Text) text = {};
    text_append_format(
        &text, "%s%s%s", line->layer ? line->layer : "", line->layer ? ": " : "", line->status);
    if (line->total > 0)
        append_bar(line, progress->columns, &text);
    return text_ellipsis(text.data, progress->columns - 1); // the last column would wrap
}

/* The cursor rests at the start of the line below the last one. Lines that have scrolled out of the
 * terminal cannot be reached any more. */
static void draw(Progress *progress, Line *line) {
    size_t up = progress->n - (size_t)(line - progress->line);
    line->dirty = false;
    if (up >= progress->rows)
        return;
    autofree char *text = format_line(progress, line);
    fprintf(progress->out, "\033[%zuA\r\033[2K%s\r\033[%zuB", up, text, up);
}

static Line *find_line(Progress *progress, const char *layer) {
    for (size_t i = 0; i < progress->n; i++)
        if (text_equal(progress->line[i].layer, layer))
            return &progress->line[i];
    Line line = {.layer = layer ? text_copy(layer) : NULL};
    array_append(progress->line, progress->n, line);
    if (progress->rows)
        fputc('\n', progress->out);
    return &progress->line[progress->n - 1];
}

void progress_update(Progress *progress, const char *layer, const char *status, int64_t current,
    int64_t total, int64_t now) {
    Line *line = find_line(progress, layer);
    bool entered = !text_equal(line->status, status);
    if (entered) {
        free(line->status);
        line->status = text_copy(status);
    }
    line->current = current;
    line->total = total;
    line->dirty = true;
    if (!progress->rows) {
        if (entered && total <= 0 && layer) // what has a bar is not worth a line
            fprintf(progress->out, "%s: %s\n", layer, status);
    } else if (entered || now - line->drawn_at >= redraw_interval) {
        line->drawn_at = now;
        draw(progress, line);
    } else {
        return;
    }
    fflush(progress->out);
}

void progress_finish(Progress *progress) {
    for (size_t i = 0; progress->rows && i < progress->n; i++)
        if (progress->line[i].dirty)
            draw(progress, &progress->line[i]);
    fflush(progress->out);
}

void progress_warn(Progress *progress, char *const *warnings, size_t n) {
    progress_finish(progress);
    for (size_t i = 0; i < n; i++) {
        text_make_printable(warnings[i]);
        fprintf(stderr, "WARNING: %s\n", warnings[i]);
    }
}

void progress_free(Progress *progress) {
    if (!progress)
        return;
    for (size_t i = 0; i < progress->n; i++) {
        free(progress->line[i].layer);
        free(progress->line[i].status);
    }
    free(progress->line);
    free(progress);
}
