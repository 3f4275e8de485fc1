// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include "base/memory.h"
#include "base/text.h"
#include "cli/noun.h"
#include "cli/table.h"
#include "proto/containerd/services/namespaces.pb-c.h"

/* tare namespace: names that do not see each other. */
#define SERVICE &containerd__namespaces__namespaces__descriptor

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
    namespace.name = (char *)name;
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
    return cli_each(cli, argc, argv, create_one, NULL);
}

static int run_rm(Cli *cli, const void *values, int argc, char **argv) {
    return cli_each(cli, argc, argv, remove_one, NULL);
}

static const Option ls_options[] = {NOUN_QUIET, {}};

const Command command_namespace_ls = {
    .arguments = "[OPTIONS]",
    .summary = "List namespaces",
    .options = ls_options,
    .options_size = sizeof(NounOptions),
    .run = run_ls,
};
const Command command_namespace_create = {
    .arguments = "NAME [NAME...]",
    .summary = "Create namespaces",
    .min = 1,
    .max = -1,
    .run = run_create,
};
const Command command_namespace_rm = {
    .arguments = "NAME [NAME...]",
    .summary = "Remove empty namespaces",
    .min = 1,
    .max = -1,
    .run = run_rm,
};
