// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "cli/client.h"
#include "cli/command/command.h"
#include "cli/human.h"
#include "cli/quote.h"
#include "cli/table.h"
#include "proto/tare/v1/container.pb-c.h"

enum {
    COMMAND_WIDTH = 20,
    ID_WIDTH = 12
};

typedef struct PsOptions {
    bool all, quiet, latest, no_trunc;
    OptionInt last;
    OptionTexts filters;
} PsOptions;

static char *format_command(const Tare__V1__ContainerSummary *container, bool truncate) {
    autodone(Text) joined = {};
    for (size_t i = 0; i < container->n_command; i++) {
        const char *mark = i && strchr(container->command[i], ' ') ? "'" : "";
        text_append_format(&joined, "%s%s%s%s", i ? " " : "", mark, container->command[i], mark);
    }
    const char *text = joined.data ? joined.data : "";
    autofree char *shown = truncate ? text_ellipsis(text, COMMAND_WIDTH) : text_copy(text);
    return quote(shown);
}

/* Exposed ones first, then published ones, each by number: "443/tcp, 0.0.0.0:8080->80/tcp". */
static int compare_ports(const void *a, const void *b) {
    const Tare__V1__PortMapping *left = *(Tare__V1__PortMapping *const *)a;
    const Tare__V1__PortMapping *right = *(Tare__V1__PortMapping *const *)b;
    if (!left->host_port != !right->host_port)
        return left->host_port ? 1 : -1;
    if (left->container_port != right->container_port)
        return left->container_port < right->container_port ? -1 : 1;
    return left->host_port < right->host_port ? -1 : left->host_port > right->host_port;
}

static char *format_ports(const Tare__V1__ContainerSummary *container) {
    autodone(Text) text = {};
    if (container->n_ports)
        qsort(container->ports, container->n_ports, sizeof *container->ports, compare_ports);
    for (size_t i = 0; i < container->n_ports; i++) {
        const Tare__V1__PortMapping *port = container->ports[i];
        text_append(&text, i ? ", " : "");
        if (port->host_port) {
            const char *ip = *port->host_ip ? port->host_ip : "0.0.0.0";
            bool six = strchr(ip, ':') != NULL;
            text_append_format(
                &text, "%s%s%s:%u->", six ? "[" : "", ip, six ? "]" : "", port->host_port);
        }
        text_append_format(
            &text, "%u/%s", port->container_port, *port->protocol ? port->protocol : "tcp");
    }
    return text_take(&text);
}

static void add_row(Table *table, const Tare__V1__ContainerSummary *container, bool truncate) {
    char age[HUMAN_SIZE];
    autofree char *command = format_command(container, truncate);
    autofree char *ports = format_ports(container);
    table_add_format(table, "%.*s", truncate ? ID_WIDTH : 64, container->id);
    table_add(table, container->image);
    table_add(table, command);
    table_add_format(table, "%s ago", human_duration(time_now() - container->created, age));
    table_add(table, container->status);
    table_add(table, ports);
    table_add(table, container->name);
}

static void print(const Tare__V1__ListContainersResponse *reply, const PsOptions *options) {
    static const char *const header[] = {
        "CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"};
    autodone(Table) table = {.columns = array_size(header)};
    for (size_t i = 0; i < array_size(header); i++)
        table_add(&table, header[i]);
    for (size_t i = 0; i < reply->n_containers; i++) {
        const Tare__V1__ContainerSummary *container = reply->containers[i];
        if (options->quiet)
            printf("%.*s\n", options->no_trunc ? 64 : ID_WIDTH, container->id);
        else
            add_row(&table, container, !options->no_trunc);
    }
    if (!options->quiet)
        table_print(&table, stdout);
}

static int run(Cli *cli, const void *values, int argc, char **argv) {
    (void)argc;
    (void)argv;
    const PsOptions *options = values;
    Error err = {};
    Client *client = NULL;
    Tare__V1__ListContainersRequest request = TARE__V1__LIST_CONTAINERS_REQUEST__INIT;
    request.all = options->all;
    request.limit = options->latest           ? 1
                    : options->last.value > 0 ? (int32_t)options->last.value
                                              : 0;
    request.filters = (char **)options->filters.item;
    request.n_filters = options->filters.n;
    autoreply Tare__V1__ListContainersResponse *reply = NULL;
    if (cli_client(cli, &client, &err) < 0 ||
        client_call(client, &tare__v1__containers__descriptor, "List", &request, &reply, &err) < 0)
        return cli_report(cli, &err);
    print(reply, options);
    return 0;
}

#define T PsOptions
static const Option options[] = {
    {'a', "all", OPTION_FLAG, offsetof(T, all), NULL,
        "Show all containers (default shows just running)"},
    {'f', "filter", OPTION_TEXTS, offsetof(T, filters), "filter",
        "Filter output based on conditions provided"},
    {'n', "last", OPTION_INT, offsetof(T, last), "int",
        "Show n last created containers (includes all states)"},
    {'l', "latest", OPTION_FLAG, offsetof(T, latest), NULL,
        "Show the latest created container (includes all states)"},
    {0, "no-trunc", OPTION_FLAG, offsetof(T, no_trunc), NULL, "Don't truncate output"},
    {'q', "quiet", OPTION_FLAG, offsetof(T, quiet), NULL, "Only display container IDs"},
    {},
};
#undef T

const Command command_ps = {
    .arguments = "[OPTIONS]",
    .summary = "List containers",
    .more = "Filters: status=exited, name=TEXT, id=PREFIX, label=NAME[=VALUE], ancestor=IMAGE.",
    .options = options,
    .options_size = sizeof(PsOptions),
    .run = run,
};
