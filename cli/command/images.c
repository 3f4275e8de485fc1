// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include "base/text.h"
#include "cli/client.h"
#include "cli/command/command.h"
#include "cli/config.h"
#include "cli/image_fields.h"
#include "cli/image_tree.h"
#include "cli/moment.h"

typedef struct ImagesOptions {
    bool all, quiet, no_trunc, digests, tree;
    const char *format;
    OptionTexts filters;
} ImagesOptions;

/* A tree has a form of its own. */
static int check_tree(const ImagesOptions *options, Error *err) {
    const char *other = options->quiet      ? "quiet"
                        : options->no_trunc ? "no-trunc"
                        : options->digests  ? "digests"
                        : options->format   ? "format"
                                            : NULL;
    return options->tree && other
               ? error_set(err, ERROR_INVALID, "--%s is not yet supported with --tree", other)
               : 0;
}

static int list(Cli *cli, const ImagesOptions *options, const char *reference, Error *err) {
    static const char with_digests[] = "table {{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t"
                                       "{{.CreatedSince}}\t{{.Size}}";
    autofree char *configured = options->quiet ? NULL : config_text("imagesFormat");
    const char *format_text = options->format ? options->format : configured;
    bool table = text_is_empty(format_text) || text_equal(format_text, "table");
    const FormatOptions view = {
        .format = options->digests && !options->quiet && table ? with_digests : format_text,
        .quiet = options->quiet,
        .whole = options->no_trunc,
    };
    autoptr(Format) format = NULL;
    TRY(format_open(&image_noun, &view, &format, err));
    TRY(check_tree(options, err));
    Client *client = NULL;
    Tare__V1__ListImagesRequest request = TARE__V1__LIST_IMAGES_REQUEST__INIT;
    if (reference)
        request.reference = (char *)reference;
    request.all = options->all;
    autodone(JsonTexts) filters = {};
    TRY(moment_filters(&options->filters, &filters, err));
    request.usage = options->tree;
    request.filters = filters.item;
    request.n_filters = filters.n;
    autoreply Tare__V1__ListImagesResponse *reply = NULL;
    TRY(cli_client(cli, &client, err));
    TRY(client_call(client, &tare__v1__images__descriptor, "List", &request, &reply, err));
    if (options->tree) {
        image_tree_print(reply, stdout);
        return 0;
    }
    bool digests = options->digests || format_uses(format, "Digest");
    for (size_t i = 0; i < reply->n_images; i++)
        TRY(image_rows_add(format, reply->images[i], digests, err));
    return format_print(format, stdout, err);
}

static int run(Cli *cli, const void *values, int argc, char **argv) {
    Error err = {};
    return list(cli, values, argc ? argv[0] : NULL, &err) < 0 ? cli_report(cli, &err) : 0;
}

#define T ImagesOptions
static const Option options[] = {
    {'a', "all", OPTION_FLAG, offsetof(T, all), NULL,
        "Show all images (default hides intermediate images)"},
    {0, "digests", OPTION_FLAG, offsetof(T, digests), NULL, "Show digests"},
    {'f', "filter", OPTION_FILTERS, offsetof(T, filters), "filter",
        "Filter output based on conditions provided"},
    {0, "format", OPTION_TEXT, offsetof(T, format), "string", FORMAT_HELP},
    {0, "no-trunc", OPTION_FLAG, offsetof(T, no_trunc), NULL, "Don't truncate output"},
    {'q', "quiet", OPTION_FLAG, offsetof(T, quiet), NULL, "Only show image IDs"},
    {0, "tree", OPTION_FLAG, offsetof(T, tree), NULL,
        "List an image once, with all its names and what it takes"},
    {},
};
#undef T

const Command command_images = {
    .arguments = "[OPTIONS] [REPOSITORY[:TAG]]",
    .summary = "List images",
    .more = "Filters: before=IMAGE, dangling=true|false, label=NAME[=VALUE], reference=PATTERN, "
            "since=IMAGE, until=TIME.\n\n"
            "Fields of templates: .Containers, .CreatedAt, .CreatedSince, .Digest, .ID, "
            ".Repository, .SharedSize, .Size, .Tag, .UniqueSize.",
    .options = options,
    .options_size = sizeof(ImagesOptions),
    .max = 1,
    .run = run,
};
