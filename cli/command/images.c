// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "cli/client.h"
#include "cli/command/command.h"
#include "cli/human.h"
#include "cli/table.h"
#include "proto/tare/v1/image.pb-c.h"

enum {
    ID_WIDTH = 12
};

typedef struct ImagesOptions {
    bool all, quiet, no_trunc, digests;
    OptionTexts filters;
} ImagesOptions;

static void add_id(Table *table, const char *id, bool truncate) {
    const char *hex = text_starts(id, "sha256:") && truncate ? id + strlen("sha256:") : id;
    table_add_format(table, "%.*s", truncate ? ID_WIDTH : 128, hex);
}

/* "busybox@sha256:…" of the same repository, or NULL. */
static const char *find_digest(const Tare__V1__ImageSummary *image, const char *name, size_t n) {
    for (size_t i = 0; i < image->n_digests; i++)
        if (!strncmp(image->digests[i], name, n) && image->digests[i][n] == '@')
            return image->digests[i] + n + 1;
    return NULL;
}

/* One row a name; name NULL: the image has none, or only a digest. */
static void add_row(Table *table, const Tare__V1__ImageSummary *image, const char *name,
    const ImagesOptions *options) {
    const char *any = image->n_digests ? image->digests[0] : "<none>";
    const char *colon = name ? strrchr(name, ':') : NULL;
    size_t n = colon ? (size_t)(colon - name) : strcspn(name ? name : any, "@");
    const char *repository = name ? name : any;
    char age[HUMAN_SIZE], size[HUMAN_SIZE];
    table_add_format(table, "%.*s", (int)n, repository);
    table_add(table, colon ? colon + 1 : "<none>");
    if (options->digests) {
        const char *digest = find_digest(image, repository, n);
        table_add(table, digest ? digest : "<none>");
    }
    add_id(table, image->id, !options->no_trunc);
    table_add_format(table, "%s%s",
        image->created ? human_duration(time_now() - image->created, age) : "N/A",
        image->created ? " ago" : "");
    table_add(table, human_size(image->size, size));
}

static void add_image(
    Table *table, const Tare__V1__ImageSummary *image, const ImagesOptions *options) {
    for (size_t i = 0; i < image->n_references; i++)
        add_row(table, image, image->references[i], options);
    if (!image->n_references)
        add_row(table, image, NULL, options);
}

static void print(const Tare__V1__ListImagesResponse *reply, const ImagesOptions *options) {
    static const char *const header[] = {
        "REPOSITORY", "TAG", "DIGEST", "IMAGE ID", "CREATED", "SIZE"};
    autodone(Table) table = {.columns = array_size(header) - !options->digests};
    for (size_t i = 0; i < array_size(header); i++)
        if (options->digests || i != 2)
            table_add(&table, header[i]);
    for (size_t i = 0; i < reply->n_images; i++)
        add_image(&table, reply->images[i], options);
    table_print(&table, stdout);
}

static void print_ids(const Tare__V1__ListImagesResponse *reply, const ImagesOptions *options) {
    for (size_t i = 0; i < reply->n_images; i++) {
        const char *id = reply->images[i]->id;
        bool truncate = !options->no_trunc;
        const char *hex = text_starts(id, "sha256:") && truncate ? id + strlen("sha256:") : id;
        for (size_t k = 0; k == 0 || k < reply->images[i]->n_references; k++)
            printf("%.*s\n", truncate ? ID_WIDTH : 128, hex);
    }
}

static int run(Cli *cli, const void *values, int argc, char **argv) {
    const ImagesOptions *options = values;
    Error err = {};
    Client *client = NULL;
    Tare__V1__ListImagesRequest request = TARE__V1__LIST_IMAGES_REQUEST__INIT;
    if (argc)
        request.reference = argv[0];
    request.all = options->all;
    request.filters = (char **)options->filters.item;
    request.n_filters = options->filters.n;
    autoreply Tare__V1__ListImagesResponse *reply = NULL;
    if (cli_client(cli, &client, &err) < 0 ||
        client_call(client, &tare__v1__images__descriptor, "List", &request, &reply, &err) < 0)
        return cli_report(cli, &err);
    if (options->quiet)
        print_ids(reply, options);
    else
        print(reply, options);
    return 0;
}

#define T ImagesOptions
static const Option options[] = {
    {'a', "all", OPTION_FLAG, offsetof(T, all), NULL,
        "Show all images (default hides intermediate images)"},
    {0, "digests", OPTION_FLAG, offsetof(T, digests), NULL, "Show digests"},
    {'f', "filter", OPTION_TEXTS, offsetof(T, filters), "filter",
        "Filter output based on conditions provided"},
    {0, "no-trunc", OPTION_FLAG, offsetof(T, no_trunc), NULL, "Don't truncate output"},
    {'q', "quiet", OPTION_FLAG, offsetof(T, quiet), NULL, "Only show image IDs"},
    {},
};
#undef T

const Command command_images = {
    .arguments = "[OPTIONS] [REPOSITORY[:TAG]]",
    .summary = "List images",
    .more = "Filters: dangling=true, reference=NAME, label=NAME[=VALUE].",
    .options = options,
    .options_size = sizeof(ImagesOptions),
    .max = 1,
    .run = run,
};
