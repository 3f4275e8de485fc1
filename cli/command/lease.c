// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "cli/human.h"
#include "cli/noun.h"
#include "cli/table.h"
#include "proto/containerd/services/leases.pb-c.h"

/* tare lease: what holds on to content and snapshots that nothing else names. */
#define SERVICE &containerd__leases__leases__descriptor

static int run_ls(Cli *cli, const void *values, int argc, char **argv) {
    const NounOptions *options = values;
    Error err = {};
    Client *client = NULL;
    Containerd__Leases__ListRequest request;
    containerd__leases__list_request__init(&request);
    request.filters = (char **)options->filters.item;
    request.n_filters = options->filters.n;
    autoreply Containerd__Leases__ListResponse *reply = NULL;
    if (noun_client(cli, values, &client, &err) < 0 ||
        client_call(client, SERVICE, "List", &request, &reply, &err) < 0)
        return cli_report(cli, &err);
    autodone(Table) table = {.columns = 3};
    table_add(&table, "ID");
    table_add(&table, "CREATED");
    table_add(&table, "LABELS");
    for (size_t i = 0; i < reply->n_leases; i++) {
        const Containerd__Leases__Lease *lease = reply->leases[i];
        char age[HUMAN_SIZE];
        autofree char *labels = noun_labels(lease->labels, lease->n_labels);
        int64_t created = lease->created_at ? lease->created_at->seconds * TIME_SECOND : 0;
        table_add(&table, lease->id);
        table_add_format(&table, "%s ago", human_duration(time_now() - created, age));
        table_add(&table, labels);
        if (options->quiet)
            puts(lease->id);
    }
    if (!options->quiet)
        table_print(&table, stdout);
    return 0;
}

/* Only what is said to be one is a label: "lease create NAME" would be none of that name. */
static int read_labels(char **argv, int argc, NounMap *ret, Error *err) {
    for (int i = 0; i < argc; i++)
        if (!strchr(argv[i], '=') || *argv[i] == '=')
            return error_set(err, ERROR_INVALID,
                "invalid label '%s': expected KEY=VALUE (the lease's name is told by --id)",
                argv[i]);
    noun_map_read(ret, NOUN_LEASE_ENTRY, (const char *const *)argv, (size_t)argc);
    return 0;
}

static int run_create(Cli *cli, const void *values, int argc, char **argv) {
    const NounOptions *options = values;
    Error err = {};
    Client *client = NULL;
    char random[17];
    int64_t lifetime = NOUN_LEASE_LIFETIME;
    autodone(NounMap) labels = {};
    text_random_hex(random, 8);
    const char *id = options->reference ? options->reference : random;
    if (read_labels(argv, argc, &labels, &err) < 0 ||
        (options->text && time_parse_duration(options->text, "--expires", &lifetime, &err) < 0))
        return cli_report_usage(cli, &err);
    if (noun_client(cli, values, &client, &err) < 0 ||
        noun_lease_create(client, id, &labels, lifetime, &err) < 0)
        return cli_report(cli, &err);
    puts(id);
    return 0;
}

static int remove_one(Client *client, const char *id, void *data, Error *err) {
    Containerd__Leases__DeleteRequest request;
    containerd__leases__delete_request__init(&request);
    request.id = (char *)id;
    request.sync = ((const NounOptions *)data)->sync;
    TRY(client_call(client, SERVICE, "Delete", &request, NULL, err));
    puts(id);
    return 0;
}

static int run_rm(Cli *cli, const void *values, int argc, char **argv) {
    return noun_each(cli, values, argc, argv, remove_one);
}

static const Option ls_options[] = {NOUN_FILTER, NOUN_SPACE, NOUN_QUIET, {}};
static const Option create_options[] = {
    {'x', "expires", OPTION_TEXT, offsetof(NounOptions, text), "duration",
        "Lifetime, e.g. 90m, after which it holds nothing; 0: for ever (default 24h)"},
    {0, "id", OPTION_TEXT, offsetof(NounOptions, reference), "string",
        "Name of the lease (default: made up, and printed)"},
    NOUN_SPACE, {}};
static const Option rm_options[] = {NOUN_SPACE,
    {0, "sync", OPTION_FLAG, offsetof(NounOptions, sync), NULL,
        "Wait until what nothing holds any more is removed"},
    {}};

const Command command_lease_ls = {
    .arguments = "[OPTIONS]",
    .summary = "List leases",
    .options = ls_options,
    .options_size = sizeof(NounOptions),
    .run = run_ls,
};
const Command command_lease_create = {
    .arguments = "[OPTIONS] [KEY=VALUE...]",
    .summary = "Create a lease, with labels",
    .options = create_options,
    .options_size = sizeof(NounOptions),
    .max = -1,
    .run = run_create,
};
const Command command_lease_rm = {
    .arguments = "[OPTIONS] ID [ID...]",
    .summary = "Remove leases",
    .options = rm_options,
    .options_size = sizeof(NounOptions),
    .min = 1,
    .max = -1,
    .run = run_rm,
};
