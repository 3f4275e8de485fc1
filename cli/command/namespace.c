// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include "base/memory.h"
#include "base/text.h"
#include "cli/noun.h"
#include "cli/table.h"
#include "proto/containerd/services/namespaces.pb-c.h"

/* tare namespace: names that do not see each other. */
#define SERVICE &containerd__namespaces__namespaces__descriptor
#define LABEL &containerd__namespaces__namespace__labels_entry__descriptor

static int run_ls(Cli *cli, const void *values, int argc, char **argv) {
    const NounOptions *options = values;
    Error err = {};
    Client *client = NULL;
    Containerd__Namespaces__ListNamespacesRequest request;
    containerd__namespaces__list_namespaces_request__init(&request);
    autoreply Containerd__Namespaces__ListNamespacesResponse *reply = NULL;
    if (cli_client(cli, &client, &err) < 0 ||
        client_call(client, SERVICE, "List", &request, &reply, &err) < 0)
        return cli_report(cli, &err);
    autodone(Table) table = {.columns = 2};
    table_add(&table, "NAME");
    table_add(&table, "LABELS");
    for (size_t i = 0; i < reply->n_namespaces; i++) {
        autofree char *labels =
            noun_labels(reply->namespaces[i]->labels, reply->namespaces[i]->n_labels);
        table_add(&table, reply->namespaces[i]->name);
        table_add(&table, labels);
        if (options->quiet)
            puts(reply->namespaces[i]->name);
    }
    if (!options->quiet)
        table_print(&table, stdout);
    return 0;
}

static int create_one(Client *client, const char *name, void *data, Error *err) {
    Containerd__Namespaces__Namespace namespace;
    Containerd__Namespaces__CreateNamespaceRequest request;
    containerd__namespaces__namespace__init(&namespace);
    containerd__namespaces__create_namespace_request__init(&request);
    const OptionTexts *pairs = &((const NounOptions *)data)->labels;
    autodone(NounMap) labels = {};
    noun_map_read(&labels, LABEL, pairs->item, pairs->n);
    namespace.name = (char *)name;
    namespace.labels = (void *)labels.entry;
    namespace.n_labels = labels.n;
    request.namespace_ = &namespace;
    TRY(client_call(client, SERVICE, "Create", &request, NULL, err));
    puts(name);
    return 0;
}

static int remove_one(Client *client, const char *name, void *data, Error *err) {
    Containerd__Namespaces__DeleteNamespaceRequest request;
    containerd__namespaces__delete_namespace_request__init(&request);
    request.name = (char *)name;
    TRY(client_call(client, SERVICE, "Delete", &request, NULL, err));
    puts(name);
    return 0;
}

static int run_create(Cli *cli, const void *values, int argc, char **argv) {
    NounOptions options = *(const NounOptions *)values;
    return cli_each(cli, argc, argv, create_one, &options);
}

/* Labels without a value are removed. */
static int run_label(Cli *cli, const void *values, int argc, char **argv) {
    Error err = {};
    Client *client = NULL;
    Containerd__Namespaces__Namespace namespace;
    Containerd__Namespaces__UpdateNamespaceRequest request;
    Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
    autodone(NounMap) labels = {};
    containerd__namespaces__namespace__init(&namespace);
    containerd__namespaces__update_namespace_request__init(&request);
    noun_map_read(&labels, LABEL, (const char *const *)&argv[1], (size_t)argc - 1);
    autotexts char **paths = noun_map_paths(&labels);
    namespace.name = argv[0];
    namespace.labels = (void *)labels.entry;
    namespace.n_labels = labels.n;
    mask.paths = paths;
    mask.n_paths = labels.n;
    request.namespace_ = &namespace;
    request.update_mask = &mask;
    if (cli_client(cli, &client, &err) < 0 ||
        client_call(client, SERVICE, "Update", &request, NULL, &err) < 0)
        return cli_report(cli, &err);
    return 0;
}

static int run_rm(Cli *cli, const void *values, int argc, char **argv) {
    return cli_each(cli, argc, argv, remove_one, NULL);
}

static const Option ls_options[] = {NOUN_QUIET, {}};
static const Option create_options[] = {{0, "label", OPTION_TEXTS, offsetof(NounOptions, labels),
                                            "key=value", "Labels of the namespaces"},
    {}};

const Command command_namespace_ls = {
    .arguments = "[OPTIONS]",
    .summary = "List namespaces",
    .options = ls_options,
    .options_size = sizeof(NounOptions),
    .run = run_ls,
};
const Command command_namespace_create = {
    .arguments = "[OPTIONS] NAME [NAME...]",
    .summary = "Create namespaces",
    .options = create_options,
    .options_size = sizeof(NounOptions),
    .min = 1,
    .max = -1,
    .run = run_create,
};
const Command command_namespace_label = {
    .arguments = "NAME KEY[=VALUE] [KEY[=VALUE]...]",
    .summary = "Set labels of a namespace, or remove them",
    .min = 2,
    .max = -1,
    .run = run_label,
};
const Command command_namespace_rm = {
    .arguments = "NAME [NAME...]",
    .summary = "Remove empty namespaces",
    .min = 1,
    .max = -1,
    .run = run_rm,
};
