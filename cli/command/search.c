// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/client.h"
#include "cli/command/command.h"
#include "cli/format.h"
#include "cli/table.h"
#include "proto/tare/v1/system.pb-c.h"

enum {
    DESCRIPTION_WIDTH = 45
};

typedef struct SearchOptions {
    const char *format;
    bool no_trunc;
    OptionInt limit;
    OptionTexts filters;
} SearchOptions;

typedef Tare__V1__SearchResult Result;

/* What strangers wrote reaches a terminal: one line, and no control characters. */
static char *description(const void *item, const FormatView *view) {
    autofree char *text = text_copy(((const Result *)item)->description);
    for (char *p = text; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 127)
            *p = ' ';
    return view->whole ? take_ptr(&text) : text_ellipsis(text, DESCRIPTION_WIDTH);
}

static char *mark(bool value, const FormatView *view) {
    return text_copy(view->json ? value ? "true" : "false" : value ? "[OK]" : "");
}

static char *is_automated(const void *item, const FormatView *view) {
    return mark(((const Result *)item)->automated, view);
}

static char *is_official(const void *item, const FormatView *view) {
    return mark(((const Result *)item)->official, view);
}

static char *name(const void *item, const FormatView *view) {
    (void)view;
    return text_copy(((const Result *)item)->name);
}

static char *star_count(const void *item, const FormatView *view) {
    (void)view;
    return text_format("%lld", (long long)((const Result *)item)->stars);
}

static const FormatField fields[] = {
    {"Description", "DESCRIPTION", description},
    {"IsAutomated", "AUTOMATED", is_automated},
    {"IsOfficial", "OFFICIAL", is_official},
    {"Name", "NAME", name},
    {"StarCount", "STARS", star_count},
    {},
};

static const FormatNoun search_noun = {
    .type = "*registry.searchContext",
    .table = "{{.Name}}\t{{.Description}}\t{{.StarCount}}\t{{.IsOfficial}}",
    .fields = fields,
};

static int search(Cli *cli, const SearchOptions *options, const char *term, Error *err) {
    autoptr(Format) format = NULL;
    const FormatOptions view = {.format = options->format, .whole = options->no_trunc};
    Client *client = NULL;
    Tare__V1__SearchRequest request = TARE__V1__SEARCH_REQUEST__INIT;
    autoreply Tare__V1__SearchResponse *reply = NULL;
    TRY(format_open(&search_noun, &view, &format, err));
    request.term = (char *)term;
    request.limit = options->limit.set ? (int32_t)options->limit.value : 0;
    request.filters = (char **)options->filters.item;
    request.n_filters = options->filters.n;
    TRY(cli_client(cli, &client, err));
    TRY(client_call(client, &tare__v1__system__descriptor, "Search", &request, &reply, err));
    for (size_t i = 0; i < reply->n_results; i++)
        TRY(format_add(format, reply->results[i], err));
    return format_print(format, stdout, err);
}

static int run(Cli *cli, const void *values, int argc, char **argv) {
    (void)argc;
    Error err = {};
    return search(cli, values, argv[0], &err) < 0 ? cli_report(cli, &err) : 0;
}

#define T SearchOptions
static const Option options[] = {
    {'f', "filter", OPTION_FILTERS, offsetof(T, filters), "filter",
        "Filter output based on conditions provided"},
    {0, "format", OPTION_TEXT, offsetof(T, format), "string",
        "Pretty-print search using a Go template"},
    {0, "limit", OPTION_INT, offsetof(T, limit), "int",
        "Max number of search results (default 25)"},
    {0, "no-trunc", OPTION_FLAG, offsetof(T, no_trunc), NULL, "Don't truncate output"},
    {},
};
#undef T

const Command command_search = {
    .arguments = "[OPTIONS] TERM",
    .summary = "Search Docker Hub for images",
    .more = "HOST/TERM asks the index of another host.\n\n"
            "Filters: is-automated=true|false, is-official=true|false, stars=NUMBER (at least).\n\n"
            "Fields of templates: .Description, .IsAutomated, .IsOfficial, .Name, .StarCount.",
    .options = options,
    .options_size = sizeof(SearchOptions),
    .min = 1,
    .max = 1,
    .run = run,
};
