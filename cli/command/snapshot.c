// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "cli/human.h"
#include "cli/noun.h"
#include "cli/table.h"
#include "proto/containerd/services/snapshots.pb-c.h"

/* tare snapshot: trees that containers run on. */
#define SERVICE &containerd__snapshots__snapshots__descriptor

typedef Containerd__Snapshots__Info Info;

static const char *const kinds[] = {"Unknown", "View", "Active", "Committed"};

/* One reply after the other; `see` gets each. */
typedef void See(const Info *info, void *user);

static int each(Client *client, const NounOptions *options, See *see, void *user, Error *err) {
    autoptr(ClientStream) stream = client_open(client, SERVICE, "List");
    Containerd__Snapshots__ListSnapshotsRequest request;
    containerd__snapshots__list_snapshots_request__init(&request);
    request.snapshotter = noun_snapshotter(options);
    request.filters = (char **)options->filters.item;
    request.n_filters = options->filters.n;
    TRY(client_send(stream, &request, err));
    TRY(client_send_end(stream, err));
    for (;;) {
        autoreply Containerd__Snapshots__ListSnapshotsResponse *reply = NULL;
        int more = client_receive(stream, &reply, err);
        if (more <= 0)
            return more;
        for (size_t i = 0; i < reply->n_info; i++)
            see(reply->info[i], user);
    }
}

static void add_row(const Info *info, void *user) {
    Table *table = user;
    table_add(table, info->name);
    table_add(table, *info->parent ? info->parent : "-");
    table_add(table, kinds[info->kind & 3]);
}

static void print_name(const Info *info, void *user) {
    puts(info->name);
}

static int run_ls(Cli *cli, const void *values, int argc, char **argv) {
    const NounOptions *options = values;
    Error err = {};
    Client *client = NULL;
    autodone(Table) table = {.columns = 3};
    table_add(&table, "KEY");
    table_add(&table, "PARENT");
    table_add(&table, "KIND");
    See *see = options->quiet ? print_name : add_row;
    if (noun_client(cli, values, &client, &err) < 0 || each(client, options, see, &table, &err) < 0)
        return cli_report(cli, &err);
    if (!options->quiet)
        table_print(&table, stdout);
    return 0;
}

typedef struct Node {
    char *name, *parent;
} Node;

typedef struct Nodes {
    Node *item;
    size_t n;
} Nodes;

static void add_node(const Info *info, void *user) {
    Nodes *nodes = user;
    Node node = {text_copy(info->name), text_copy(info->parent)};
    array_append(nodes->item, nodes->n, node);
}

/* Names are unique and parents older, so that this ends; depth is the engine's bound of layers. */
static void print_below(const Nodes *nodes, const char *parent, int depth) {
    for (size_t i = 0; i < nodes->n; i++)
        if (text_equal(nodes->item[i].parent, parent)) {
            printf("%*s%s%s\n", depth * 2, "", depth ? "\\_ " : "", nodes->item[i].name);
            print_below(nodes, nodes->item[i].name, depth + 1);
        }
}

static int run_tree(Cli *cli, const void *values, int argc, char **argv) {
    Error err = {};
    Client *client = NULL;
    Nodes nodes = {};
    if (noun_client(cli, values, &client, &err) < 0 ||
        each(client, values, add_node, &nodes, &err) < 0)
        return cli_report(cli, &err);
    print_below(&nodes, "", 0);
    for (size_t i = 0; i < nodes.n; i++) {
        free(nodes.item[i].name);
        free(nodes.item[i].parent);
    }
    free(nodes.item);
    return 0;
}

static int run_info(Cli *cli, const void *values, int argc, char **argv) {
    const NounOptions *options = values;
    Error err = {};
    Client *client = NULL;
    Containerd__Snapshots__StatSnapshotRequest request;
    containerd__snapshots__stat_snapshot_request__init(&request);
    request.snapshotter = noun_snapshotter(options);
    request.key = argv[0];
    autoreply Containerd__Snapshots__StatSnapshotResponse *reply = NULL;
    if (noun_client(cli, values, &client, &err) < 0 ||
        client_call(client, SERVICE, "Stat", &request, &reply, &err) < 0)
        return cli_report(cli, &err);
    autofree char *labels = noun_labels(reply->info->labels, reply->info->n_labels);
    printf("Name:   %s\nParent: %s\nKind:   %s\nLabels: %s\n", reply->info->name,
        *reply->info->parent ? reply->info->parent : "-", kinds[reply->info->kind & 3], labels);
    return 0;
}

static int usage_one(Client *client, const char *key, void *data, Error *err) {
    const NounOptions *options = data;
    Containerd__Snapshots__UsageRequest request;
    containerd__snapshots__usage_request__init(&request);
    request.snapshotter = noun_snapshotter(options);
    request.key = (char *)key;
    autoreply Containerd__Snapshots__UsageResponse *reply = NULL;
    char size[HUMAN_SIZE];
    TRY(client_call(client, SERVICE, "Usage", &request, &reply, err));
    printf("%s %s %lld\n", key, human_size(reply->size, size), (long long)reply->inodes);
    return 0;
}

static int remove_one(Client *client, const char *key, void *data, Error *err) {
    const NounOptions *options = data;
    Containerd__Snapshots__RemoveSnapshotRequest request;
    containerd__snapshots__remove_snapshot_request__init(&request);
    request.snapshotter = noun_snapshotter(options);
    request.key = (char *)key;
    TRY(client_call(client, SERVICE, "Remove", &request, NULL, err));
    puts(key);
    return 0;
}

static int run_usage(Cli *cli, const void *values, int argc, char **argv) {
    return noun_each(cli, values, argc, argv, usage_one);
}

static int run_rm(Cli *cli, const void *values, int argc, char **argv) {
    return noun_each(cli, values, argc, argv, remove_one);
}

/* A line for the shell: `sh -c "$(tare snapshot mounts DIRECTORY KEY)"`. */
static void print_mounts(Containerd__Types__Mount **mounts, size_t n, const char *target) {
    for (size_t i = 0; i < n; i++) {
        printf("mount -t %s %s %s", mounts[i]->type, mounts[i]->source, target);
        for (size_t j = 0; j < mounts[i]->n_options; j++)
            printf("%s%s", j ? "," : " -o ", mounts[i]->options[j]);
        putchar('\n');
    }
}

static int run_mounts(Cli *cli, const void *values, int argc, char **argv) {
    const NounOptions *options = values;
    Error err = {};
    Client *client = NULL;
    Containerd__Snapshots__MountsRequest request;
    containerd__snapshots__mounts_request__init(&request);
    request.snapshotter = noun_snapshotter(options);
    request.key = argv[1];
    autoreply Containerd__Snapshots__MountsResponse *reply = NULL;
    if (noun_client(cli, values, &client, &err) < 0 ||
        client_call(client, SERVICE, "Mounts", &request, &reply, &err) < 0)
        return cli_report(cli, &err);
    print_mounts(reply->mounts, reply->n_mounts, argv[0]);
    return 0;
}

/* Who makes a snapshot by hand wants to keep it: no collection takes it. */
static void keep(NounMap *labels, NounEntry *type) {
    noun_map_add(labels, type, "containerd.io/gc.root", "tare");
}

static int run_prepare(Cli *cli, const void *values, int argc, char **argv) {
    const NounOptions *options = values;
    Error err = {};
    Client *client = NULL;
    Containerd__Snapshots__PrepareSnapshotRequest request;
    containerd__snapshots__prepare_snapshot_request__init(&request);
    autodone(NounMap) labels = {};
    keep(&labels, &containerd__snapshots__prepare_snapshot_request__labels_entry__descriptor);
    request.snapshotter = noun_snapshotter(options);
    request.key = argv[0];
    request.parent = argc > 1 ? argv[1] : (char *)"";
    request.labels = (void *)labels.entry;
    request.n_labels = labels.n;
    autoreply Containerd__Snapshots__PrepareSnapshotResponse *reply = NULL;
    if (noun_client(cli, values, &client, &err) < 0 ||
        client_call(client, SERVICE, "Prepare", &request, &reply, &err) < 0)
        return cli_report(cli, &err);
    if (options->text)
        print_mounts(reply->mounts, reply->n_mounts, options->text);
    return 0;
}

static int run_view(Cli *cli, const void *values, int argc, char **argv) {
    const NounOptions *options = values;
    Error err = {};
    Client *client = NULL;
    Containerd__Snapshots__ViewSnapshotRequest request;
    containerd__snapshots__view_snapshot_request__init(&request);
    autodone(NounMap) labels = {};
    keep(&labels, &containerd__snapshots__view_snapshot_request__labels_entry__descriptor);
    request.snapshotter = noun_snapshotter(options);
    request.key = argv[0];
    request.parent = argc > 1 ? argv[1] : (char *)"";
    request.labels = (void *)labels.entry;
    request.n_labels = labels.n;
    autoreply Containerd__Snapshots__ViewSnapshotResponse *reply = NULL;
    if (noun_client(cli, values, &client, &err) < 0 ||
        client_call(client, SERVICE, "View", &request, &reply, &err) < 0)
        return cli_report(cli, &err);
    if (options->text)
        print_mounts(reply->mounts, reply->n_mounts, options->text);
    return 0;
}

static int run_commit(Cli *cli, const void *values, int argc, char **argv) {
    const NounOptions *options = values;
    Error err = {};
    Client *client = NULL;
    Containerd__Snapshots__CommitSnapshotRequest request;
    containerd__snapshots__commit_snapshot_request__init(&request);
    autodone(NounMap) labels = {};
    keep(&labels, &containerd__snapshots__commit_snapshot_request__labels_entry__descriptor);
    request.snapshotter = noun_snapshotter(options);
    request.name = argv[0];
    request.key = argv[1];
    request.labels = (void *)labels.entry;
    request.n_labels = labels.n;
    if (noun_client(cli, values, &client, &err) < 0 ||
        client_call(client, SERVICE, "Commit", &request, NULL, &err) < 0)
        return cli_report(cli, &err);
    return 0;
}

static const Option ls_options[] = {NOUN_FILTER, NOUN_SPACE, NOUN_QUIET, NOUN_SNAPSHOTTER, {}};
static const Option space_options[] = {NOUN_SPACE, NOUN_SNAPSHOTTER, {}};
static const Option make_options[] = {NOUN_SPACE, NOUN_SNAPSHOTTER,
    {'t', "target", OPTION_TEXT, offsetof(NounOptions, text), "directory",
        "Print the commands that mount it there"},
    {}};

const Command command_snapshot_ls = {
    .arguments = "[OPTIONS]",
    .summary = "List snapshots",
    .options = ls_options,
    .options_size = sizeof(NounOptions),
    .run = run_ls,
};
const Command command_snapshot_tree = {
    .arguments = "[OPTIONS]",
    .summary = "Show which snapshot stands on which",
    .options = space_options,
    .options_size = sizeof(NounOptions),
    .run = run_tree,
};
const Command command_snapshot_info = {
    .arguments = "[OPTIONS] KEY",
    .summary = "Show a snapshot",
    .options = space_options,
    .options_size = sizeof(NounOptions),
    .min = 1,
    .max = 1,
    .run = run_info,
};
const Command command_snapshot_usage = {
    .arguments = "[OPTIONS] KEY [KEY...]",
    .summary = "Show bytes and inodes of snapshots",
    .options = space_options,
    .options_size = sizeof(NounOptions),
    .min = 1,
    .max = -1,
    .run = run_usage,
};
const Command command_snapshot_prepare = {
    .arguments = "[OPTIONS] KEY [PARENT]",
    .summary = "Make a writable snapshot",
    .options = make_options,
    .options_size = sizeof(NounOptions),
    .min = 1,
    .max = 2,
    .run = run_prepare,
};
const Command command_snapshot_view = {
    .arguments = "[OPTIONS] KEY [PARENT]",
    .summary = "Make a read-only snapshot",
    .options = make_options,
    .options_size = sizeof(NounOptions),
    .min = 1,
    .max = 2,
    .run = run_view,
};
const Command command_snapshot_mounts = {
    .arguments = "[OPTIONS] DIRECTORY KEY",
    .summary = "Print the commands that mount a snapshot",
    .options = space_options,
    .options_size = sizeof(NounOptions),
    .min = 2,
    .max = 2,
    .run = run_mounts,
};
const Command command_snapshot_commit = {
    .arguments = "[OPTIONS] NAME KEY",
    .summary = "Make a writable snapshot the one that others can stand on",
    .options = space_options,
    .options_size = sizeof(NounOptions),
    .min = 2,
    .max = 2,
    .run = run_commit,
};
const Command command_snapshot_rm = {
    .arguments = "[OPTIONS] KEY [KEY...]",
    .summary = "Remove snapshots",
    .options = space_options,
    .options_size = sizeof(NounOptions),
    .min = 1,
    .max = -1,
    .run = run_rm,
};
