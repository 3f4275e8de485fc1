// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "cli/client.h"
#include "cli/command/command.h"
#include "cli/human.h"
#include "cli/moment.h"
#include "proto/tare/v1/container.pb-c.h"
#include "proto/tare/v1/image.pb-c.h"
#include "proto/tare/v1/volume.pb-c.h"

typedef struct PruneOptions {
    bool all, force, volumes;
    OptionTexts filters;
} PruneOptions;

/* Anything but y is a no, and so is the end of the input. */
static bool is_confirmed(const PruneOptions *options, const char *question) {
    if (options->force)
        return true;
    char answer[16] = "";
    printf("%sAre you sure you want to continue? [y/N] ", question);
    fflush(stdout);
    if (!fgets(answer, sizeof answer, stdin))
        putchar('\n');
    return (*answer == 'y' || *answer == 'Y') && strcspn(answer + 1, "\n") == 0;
}

static void print_deleted(const char *what, char *const *deleted, size_t n) {
    if (n == 0)
        return;
    printf("Deleted %s:\n", what);
    for (size_t i = 0; i < n; i++)
        printf("%s\n", deleted[i]);
    printf("\n");
}

static int prune_containers(
    Client *client, const JsonTexts *filters, int64_t *reclaimed, Error *err) {
    Tare__V1__PruneContainersRequest request = TARE__V1__PRUNE_CONTAINERS_REQUEST__INIT;
    autoreply Tare__V1__PruneContainersResponse *reply = NULL;
    request.filters = filters->item;
    request.n_filters = filters->n;
    TRY(client_call(client, &tare__v1__containers__descriptor, "Prune", &request, &reply, err));
    *reclaimed += reply->space_reclaimed;
    print_deleted("Containers", reply->deleted, reply->n_deleted);
    return 0;
}

static int prune_images(
    Client *client, bool all, const JsonTexts *filters, int64_t *reclaimed, Error *err) {
    Tare__V1__PruneImagesRequest request = TARE__V1__PRUNE_IMAGES_REQUEST__INIT;
    autoreply Tare__V1__PruneImagesResponse *reply = NULL;
    request.all = all;
    request.filters = filters->item;
    request.n_filters = filters->n;
    TRY(client_call(client, &tare__v1__images__descriptor, "Prune", &request, &reply, err));
    *reclaimed += reply->space_reclaimed;
    if (!reply->n_deleted && !reply->n_untagged)
        return 0;
    printf("Deleted Images:\n");
    for (size_t i = 0; i < reply->n_untagged; i++)
        printf("untagged: %s\n", reply->untagged[i]);
    for (size_t i = 0; i < reply->n_deleted; i++)
        printf("deleted: %s\n", reply->deleted[i]);
    printf("\n");
    return 0;
}

static int prune_volumes(
    Client *client, bool all, const JsonTexts *filters, int64_t *reclaimed, Error *err) {
    Tare__V1__PruneVolumesRequest request = TARE__V1__PRUNE_VOLUMES_REQUEST__INIT;
    autoreply Tare__V1__PruneVolumesResponse *reply = NULL;
    request.all = all;
    request.filters = filters->item;
    request.n_filters = filters->n;
    TRY(client_call(client, &tare__v1__volumes__descriptor, "Prune", &request, &reply, err));
    *reclaimed += reply->space_reclaimed;
    print_deleted("Volumes", reply->deleted, reply->n_deleted);
    return 0;
}

typedef struct Pruning {
    bool containers, images, volumes, named_volumes;
} Pruning;

static int prune(Cli *cli, const PruneOptions *options, Pruning what, Error *err) {
    autodone(JsonTexts) filters = {};
    Client *client = NULL;
    int64_t reclaimed = 0;
    char size[HUMAN_SIZE];
    TRY(moment_filters(&options->filters, &filters, err));
    TRY(cli_client(cli, &client, err));
    if (what.containers)
        TRY(prune_containers(client, &filters, &reclaimed, err));
    if (what.volumes)
        TRY(prune_volumes(client, what.named_volumes, &filters, &reclaimed, err));
    if (what.images)
        TRY(prune_images(client, options->all, &filters, &reclaimed, err));
    printf("Total reclaimed space: %s\n", human_usage(reclaimed, size));
    return 0;
}

static int run(Cli *cli, const PruneOptions *options, Pruning what, const char *question) {
    Error err = {};
    if (!is_confirmed(options, question))
        return 0;
    return prune(cli, options, what, &err) < 0 ? cli_report(cli, &err) : 0;
}

static int run_container(Cli *cli, const void *values, int argc, char **argv) {
    (void)argc;
    (void)argv;
    return run(cli, values, (Pruning){.containers = true},
        "WARNING! This will remove all stopped containers.\n");
}

static int run_image(Cli *cli, const void *values, int argc, char **argv) {
    (void)argc;
    (void)argv;
    const PruneOptions *options = values;
    return run(cli, options, (Pruning){.images = true},
        options->all ? "WARNING! This will remove all images without at least one container "
                       "associated to them.\n"
                     : "WARNING! This will remove all dangling images.\n");
}

/* Docker's filter all=1 is the flag --all. */
static int read_all(const PruneOptions *options, PruneOptions *ret, Error *err) {
    *ret = *options;
    ret->filters = (OptionTexts){.item = new_array(const char *, options->filters.n + 1)};
    for (size_t i = 0; i < options->filters.n; i++) {
        const char *filter = options->filters.item[i];
        bool yes = text_equal(filter, "all=1") || text_equal(filter, "all=true");
        if (!yes && !text_equal(filter, "all=0") && !text_equal(filter, "all=false")) {
            ret->filters.item[ret->filters.n++] = filter;
            continue;
        }
        if (options->all)
            return error_set(err, ERROR_INVALID,
                "conflicting options: cannot specify both --all and --filter all=1");
        ret->all |= yes;
    }
    return 0;
}

/* A volume has no age: people write into it. */
static int check_until(const PruneOptions *options, const char *text, Error *err) {
    for (size_t i = 0; i < options->filters.n; i++)
        if (text_starts(options->filters.item[i], "until="))
            return error_set(err, ERROR_INVALID, "%s", text);
    return 0;
}

static int run_volume(Cli *cli, const void *values, int argc, char **argv) {
    (void)argc;
    (void)argv;
    PruneOptions options = {};
    Error err = {};
    int r = read_all(values, &options, &err);
    if (r == 0)
        r = check_until(&options, "invalid filter 'until'", &err);
    int code =
        r < 0 ? cli_report(cli, &err)
              : run(cli, &options, (Pruning){.volumes = true, .named_volumes = options.all},
                    options.all ? "WARNING! This will remove all local volumes not used by at "
                                  "least one container.\n"
                                : "WARNING! This will remove anonymous local volumes not used by "
                                  "at least one container.\n");
    option_texts_done(&options.filters);
    return code;
}

/* Networks of users and a build cache there are none yet. */
static int run_system(Cli *cli, const void *values, int argc, char **argv) {
    (void)argc;
    (void)argv;
    const PruneOptions *options = values;
    autodone(Text) question = {};
    Error err = {};
    if (options->volumes &&
        check_until(options, "The \"until\" filter is not supported with \"--volumes\"", &err) < 0)
        return cli_report(cli, &err);
    text_append(&question, "WARNING! This will remove:\n  - all stopped containers\n");
    if (options->volumes)
        text_append(&question, "  - all anonymous volumes not used by at least one container\n");
    text_append(&question,
        options->all ? "  - all images without at least one container associated to them\n\n"
                     : "  - all dangling images\n\n");
    for (size_t i = 0; i < options->filters.n; i++)
        text_append_format(&question, "%s  - %s\n",
            i ? "" : "  Items to be pruned will be filtered with:\n", options->filters.item[i]);
    text_append(&question, options->filters.n ? "\n" : "");
    return run(cli, options,
        (Pruning){.containers = true, .images = true, .volumes = options->volumes}, question.data);
}

#define T PruneOptions
#define FILTER_ROW(help)                                                                           \
    { 0, "filter", OPTION_FILTERS, offsetof(T, filters), "filter", help }
#define FORCE_ROW                                                                                  \
    { 'f', "force", OPTION_FLAG, offsetof(T, force), NULL, "Do not prompt for confirmation" }
static const Option container_options[] = {
    FILTER_ROW("Provide filter values (e.g. \"until=<timestamp>\")"), FORCE_ROW, {}};
static const Option image_options[] = {{'a', "all", OPTION_FLAG, offsetof(T, all), NULL,
                                           "Remove all unused images, not just dangling ones"},
    FILTER_ROW("Provide filter values (e.g. \"until=<timestamp>\")"), FORCE_ROW, {}};
static const Option volume_options[] = {{'a', "all", OPTION_FLAG, offsetof(T, all), NULL,
                                            "Remove all unused volumes, not just anonymous ones"},
    FILTER_ROW("Provide filter values (e.g. \"label=<label>\")"), FORCE_ROW, {}};
static const Option system_options[] = {{'a', "all", OPTION_FLAG, offsetof(T, all), NULL,
                                            "Remove all unused images not just dangling ones"},
    FILTER_ROW("Provide filter values (e.g. \"label=<key>=<value>\")"), FORCE_ROW,
    {0, "volumes", OPTION_FLAG, offsetof(T, volumes), NULL, "Prune anonymous volumes"}, {}};
#undef T

#define FILTERS                                                                                    \
    "Filters: until=TIME (made before), label=NAME[=VALUE], label!=NAME[=VALUE]; all must hold."

const Command command_container_prune = {
    .arguments = "[OPTIONS]",
    .summary = "Remove all stopped containers",
    .more = FILTERS,
    .options = container_options,
    .options_size = sizeof(PruneOptions),
    .run = run_container,
};

const Command command_image_prune = {
    .arguments = "[OPTIONS]",
    .summary = "Remove unused images",
    .more = FILTERS,
    .options = image_options,
    .options_size = sizeof(PruneOptions),
    .run = run_image,
};

const Command command_volume_prune = {
    .arguments = "[OPTIONS]",
    .summary = "Remove unused local volumes",
    .more =
        "Only anonymous ones, unless all are asked for. A volume that a container uses, running "
        "or not, stays.\n\n"
        "Filters: all=true|false (as --all), label=NAME[=VALUE], label!=NAME[=VALUE]; all must "
        "hold.",
    .options = volume_options,
    .options_size = sizeof(PruneOptions),
    .run = run_volume,
};

const Command command_system_prune = {
    .arguments = "[OPTIONS]",
    .summary = "Remove unused data",
    .more = FILTERS,
    .options = system_options,
    .options_size = sizeof(PruneOptions),
    .run = run_system,
};
