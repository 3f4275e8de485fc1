// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include "base/text.h"
#include "cli/client.h"
#include "cli/command/command.h"
#include "cli/config.h"
#include "cli/container_fields.h"

typedef struct PsOptions {
    bool all, quiet, latest, no_trunc, size;
    const char *format;
    OptionInt last;
    OptionTexts filters;
} PsOptions;

static int list(Cli *cli, const PsOptions *options, Error *err) {
    autofree char *configured = options->quiet ? NULL : config_text("psFormat");
    const char *text = options->format ? options->format : configured;
    bool table = text_is_empty(text) || text_equal(text, "table");
    autofree char *with_size = text_format("table %s\t{{.Size}}", container_noun.table);
    const FormatOptions view = {
        .format = options->size && !options->quiet && table ? with_size : text,
        .quiet = options->quiet,
        .whole = options->no_trunc,
    };
    autoptr(Format) format = NULL;
    TRY(format_open(&container_noun, &view, &format, err));
    Client *client = NULL;
    Tare__V1__ListContainersRequest request = TARE__V1__LIST_CONTAINERS_REQUEST__INIT;
    request.all = options->all;
    request.limit = options->latest           ? 1
                    : options->last.value > 0 ? (int32_t)options->last.value
                                              : 0;
    request.filters = (char **)options->filters.item;
    request.n_filters = options->filters.n;
    request.size = options->size || format_uses(format, "Size");
    autoreply Tare__V1__ListContainersResponse *reply = NULL;
    TRY(cli_client(cli, &client, err));
    TRY(client_call(client, &tare__v1__containers__descriptor, "List", &request, &reply, err));
    for (size_t i = 0; i < reply->n_containers; i++)
        TRY(format_add(format, reply->containers[i], err));
    return format_print(format, stdout, err);
}

static int run(Cli *cli, const void *values, int argc, char **argv) {
    (void)argc;
    (void)argv;
    Error err = {};
    return list(cli, values, &err) < 0 ? cli_report(cli, &err) : 0;
}

#define T PsOptions
static const Option options[] = {
    {'a', "all", OPTION_FLAG, offsetof(T, all), NULL,
        "Show all containers (default shows just running)"},
    {'f', "filter", OPTION_FILTERS, offsetof(T, filters), "filter",
        "Filter output based on conditions provided"},
    {0, "format", OPTION_TEXT, offsetof(T, format), "string", FORMAT_HELP},
    {'n', "last", OPTION_INT, offsetof(T, last), "int",
        "Show n last created containers (includes all states)"},
    {'l', "latest", OPTION_FLAG, offsetof(T, latest), NULL,
        "Show the latest created container (includes all states)"},
    {0, "no-trunc", OPTION_FLAG, offsetof(T, no_trunc), NULL, "Don't truncate output"},
    {'q', "quiet", OPTION_FLAG, offsetof(T, quiet), NULL, "Only display container IDs"},
    {'s', "size", OPTION_FLAG, offsetof(T, size), NULL, "Display total file sizes"},
    {},
};
#undef T

const Command command_ps = {
    .arguments = "[OPTIONS]",
    .summary = "List containers",
    .more = "Filters: ancestor=IMAGE, before=CONTAINER, exited=CODE, expose=PORT[/PROTOCOL], "
            "health=STATUS, id=PREFIX, label=NAME[=VALUE], name=EXPRESSION, network=NAME, "
            "publish=PORT[/PROTOCOL], since=CONTAINER, status=STATE, volume=PATH.\n\n"
            "Fields of templates: .Command, .CreatedAt, .ID, .Image, .Label \"NAME\", .Labels, "
            ".LocalVolumes, .Mounts, .Names, .Networks, .Platform, .Ports, .RunningFor, .Size, "
            ".State, .Status.",
    .options = options,
    .options_size = sizeof(PsOptions),
    .run = run,
};
