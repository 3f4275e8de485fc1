// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "base/time.h"
#include "cli/client.h"
#include "cli/command/command.h"
#include "cli/format.h"
#include "cli/human.h"
#include "cli/table.h"
#include "proto/tare/v1/image.pb-c.h"

enum {
    ID_WIDTH = 12,
    COMMAND_WIDTH = 45,
};

typedef struct HistoryOptions {
    bool human, no_trunc, quiet;
    const char *format, *platform;
} HistoryOptions;

typedef struct Row {
    const Tare__V1__HistoryRow *row;
    bool human;
} Row;

static char *comment(const void *item, const FormatView *view) {
    (void)view;
    return text_copy(((const Row *)item)->row->comment);
}

static char *created_at(const void *item, const FormatView *view) {
    (void)view;
    int64_t created = ((const Row *)item)->row->created;
    char text[TIME_TEXT_SIZE];
    return text_copy(created ? time_format(created / TIME_SECOND * TIME_SECOND, text) : "");
}

static char *created_by(const void *item, const FormatView *view) {
    char *text = text_copy(((const Row *)item)->row->created_by);
    for (char *c = text; *c; c++)
        if (*c == '\t')
            *c = ' ';
    if (view->whole)
        return text;
    autofree char *whole = text;
    return text_ellipsis(whole, COMMAND_WIDTH);
}

static char *created_since(const void *item, const FormatView *view) {
    const Row *row = item;
    char age[HUMAN_SIZE];
    if (!row->human)
        return created_at(item, view);
    if (!row->row->created)
        return text_copy("N/A");
    return text_format("%s ago", human_duration(view->now - row->row->created, age));
}

static char *id(const void *item, const FormatView *view) {
    const char *text = ((const Row *)item)->row->id;
    const char *hex = text_starts(text, "sha256:") ? text + strlen("sha256:") : text;
    if (!*text)
        return text_copy("<missing>");
    return view->whole ? text_copy(text) : text_copy_n(hex, strnlen(hex, ID_WIDTH));
}

static char *size(const void *item, const FormatView *view) {
    (void)view;
    const Row *row = item;
    char text[HUMAN_SIZE];
    return row->human ? text_copy(human_size(row->row->size, text))
                      : text_format("%lld", (long long)row->row->size);
}

static const FormatField fields[] = {
    {"Comment", "COMMENT", comment},
    {"CreatedAt", "CREATED AT", created_at},
    {"CreatedBy", "CREATED BY", created_by},
    {"CreatedSince", "CREATED", created_since},
    {"ID", "IMAGE", id},
    {"Size", "SIZE", size},
    {},
};

static const FormatNoun noun = {
    .type = "*formatter.historyContext",
    .table = "{{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}",
    .quiet = "{{.ID}}",
    .fields = fields,
};

static int show(Cli *cli, const HistoryOptions *options, char *image, Error *err) {
    static const char exact[] =
        "table {{.ID}}\t{{.CreatedAt}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}";
    bool table = text_is_empty(options->format) || text_equal(options->format, "table");
    const FormatOptions view = {
        .format = table && !options->human && !options->quiet ? exact : options->format,
        .quiet = options->quiet,
        .whole = options->no_trunc,
    };
    autoptr(Format) format = NULL;
    TRY(format_open(&noun, &view, &format, err));
    Client *client = NULL;
    Tare__V1__ImageRequest request = TARE__V1__IMAGE_REQUEST__INIT;
    request.image = image;
    if (options->platform)
        request.platform = (char *)options->platform;
    autoreply Tare__V1__HistoryResponse *reply = NULL;
    TRY(cli_client(cli, &client, err));
    TRY(client_call(client, &tare__v1__images__descriptor, "History", &request, &reply, err));
    for (size_t i = 0; i < reply->n_rows; i++) {
        const Row row = {reply->rows[i], options->human};
        TRY(format_add(format, &row, err));
    }
    return format_print(format, stdout, err);
}

static int run(Cli *cli, const void *values, int argc, char **argv) {
    (void)argc;
    Error err = {};
    return show(cli, values, argv[0], &err) < 0 ? cli_report(cli, &err) : 0;
}

#define T HistoryOptions
static const Option options[] = {
    {0, "format", OPTION_TEXT, offsetof(T, format), "string", FORMAT_HELP},
    {'H', "human", OPTION_FLAG, offsetof(T, human), NULL,
        "Print sizes and dates in human readable format (default true)"},
    {0, "no-trunc", OPTION_FLAG, offsetof(T, no_trunc), NULL, "Don't truncate output"},
    {0, "platform", OPTION_TEXT, offsetof(T, platform), "string",
        "Show history for the given platform, \"os[/arch[/variant]]\" (e.g., \"linux/amd64\")"},
    {'q', "quiet", OPTION_FLAG, offsetof(T, quiet), NULL, "Only show image IDs"},
    {},
};
#undef T

static const HistoryOptions defaults = {.human = true};

const Command command_history = {
    .arguments = "[OPTIONS] IMAGE",
    .summary = "Show the history of an image",
    .more = "Fields of templates: .Comment, .CreatedAt, .CreatedBy, .CreatedSince, .ID, .Size.",
    .options = options,
    .options_size = sizeof(HistoryOptions),
    .defaults = &defaults,
    .min = 1,
    .max = 1,
    .run = run,
};
