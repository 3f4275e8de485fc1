// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <stdio.h>

#include "cli/about.h"
#include "cli/client.h"
#include "cli/command/command.h"
#include "cli/format.h"
#include "cli/human.h"
#include "proto/tare/v1/system.pb-c.h"
#include "version.h"

typedef struct InfoOptions {
    const char *format;
} InfoOptions;

static void print_list(const char *name, char *const *item, size_t n) {
    if (n)
        printf(" %s:\n", name);
    for (size_t i = 0; i < n; i++)
        printf("  %s\n", item[i]);
}

static void print_text(const char *name, const char *value) {
    if (*value)
        printf(" %s: %s\n", name, value);
}

static void print_counts(const Tare__V1__InfoResponse *info) {
    printf(" Containers: %" PRId64 "\n", info->containers);
    printf("  Running: %" PRId64 "\n", info->containers_running);
    printf("  Paused: %" PRId64 "\n", info->containers_paused);
    printf("  Stopped: %" PRId64 "\n", info->containers_stopped);
    printf(" Images: %" PRId64 "\n", info->images);
}

static void print_machine(const Tare__V1__InfoResponse *info) {
    char memory[HUMAN_SIZE];
    print_text("Kernel Version", info->kernel);
    print_text("Operating System", info->operating_system);
    print_text("OSType", info->os);
    print_text("Architecture", info->arch);
    printf(" CPUs: %" PRId64 "\n", info->cpus);
    printf(" Total Memory: %s\n", human_memory(info->memory, memory));
    print_text("Name", info->hostname);
    print_text("ID", info->id);
}

static void print_server(const Tare__V1__InfoResponse *info) {
    printf("Server:\n");
    print_counts(info);
    print_text("Server Version", info->version);
    print_text("Storage Driver", info->snapshot_driver);
    print_text("Logging Driver", info->logging_driver);
    print_text("Cgroup Driver", info->cgroup_driver);
    print_text("Cgroup Version", info->cgroup_version);
    if (info->n_runtimes) {
        printf(" Runtimes:");
        for (size_t i = 0; i < info->n_runtimes; i++)
            printf(" %s", info->runtimes[i]);
        printf("\n");
    }
    print_text("Default Runtime", info->default_runtime);
    print_list("Security Options", info->security_options, info->n_security_options);
    print_machine(info);
    print_text("Tare Root Dir", info->root);
    print_text("Tare State Dir", info->state);
    print_list("Insecure Registries", info->insecure_registries, info->n_insecure_registries);
    print_list("Registry Mirrors", info->mirrors, info->n_mirrors);
    printf(" Live Restore Enabled: true\n"); // always: no container depends on the engine
}

static int print(Cli *cli, const Tare__V1__InfoResponse *info, const char *format, Error *err) {
    if (format) {
        autofree char *json = about_info(info);
        return format_document(json, format, stdout, err);
    }
    printf("Client: Tare\n Version: %s\n Debug Mode: %s\n\n", TARE_VERSION,
        cli->debug ? "true" : "false");
    print_server(info);
    fflush(stdout);
    for (size_t i = 0; i < info->n_warnings; i++)
        fprintf(stderr, "WARNING: %s\n", info->warnings[i]);
    return 0;
}

static int run(Cli *cli, const void *values, int argc, char **argv) {
    const InfoOptions *options = values;
    (void)argc;
    (void)argv;
    Error err = {};
    Client *client = NULL;
    Tare__V1__InfoRequest request = TARE__V1__INFO_REQUEST__INIT;
    autoreply Tare__V1__InfoResponse *reply = NULL;
    if (cli_client(cli, &client, &err) < 0 ||
        client_call(client, &tare__v1__system__descriptor, "Info", &request, &reply, &err) < 0 ||
        print(cli, reply, options->format, &err) < 0)
        return cli_report(cli, &err);
    return 0;
}

#define T InfoOptions
static const Option options[] = {
    {'f', "format", OPTION_TEXT, offsetof(T, format), "string", FORMAT_ONE_HELP},
    {},
};
#undef T

const Command command_info = {
    .arguments = "[OPTIONS]",
    .summary = "Display system-wide information",
    .options = options,
    .options_size = sizeof(InfoOptions),
    .run = run,
};
