// SPDX-License-Identifier: Apache-2.0
#include "version.h"

#include <stdio.h>
#include <sys/utsname.h>

#include "base/text.h"
#include "cli/about.h"
#include "cli/client.h"
#include "cli/command/command.h"
#include "cli/format.h"
#include "proto/tare/v1/system.pb-c.h"

typedef struct VersionOptions {
    const char *format;
} VersionOptions;

static void print_row(const char *name, const char *value) {
    if (value && *value)
        printf(" %-18s %s\n", name, value);
}

static void print_client(void) {
    struct utsname machine = {};
    uname(&machine);
    autofree char *platform = text_format("linux/%s", about_architecture(machine.machine));
    printf("Client: Tare\n");
    print_row("Version:", TARE_VERSION);
    print_row("Git commit:", TARE_COMMIT);
    print_row("OS/Arch:", platform);
}

static void print_server(const Tare__V1__VersionResponse *reply) {
    autofree char *platform = text_format("%s/%s", reply->os, reply->arch);
    printf("\nServer: Tare\n");
    print_row("Version:", reply->version);
    print_row("Git commit:", reply->commit);
    print_row("Built:", reply->build_time);
    print_row("OS/Arch:", platform);
    print_row("Kernel:", reply->kernel);
    print_row("Runtime:", reply->runtime_version);
}

static int ask(Cli *cli, Tare__V1__VersionResponse **ret, Error *err) {
    Client *client = NULL;
    Tare__V1__VersionRequest request = TARE__V1__VERSION_REQUEST__INIT;
    TRY(cli_client(cli, &client, err));
    return client_call(client, &tare__v1__system__descriptor, "Version", &request, ret, err);
}

static int run(Cli *cli, const void *values, int argc, char **argv) {
    const VersionOptions *options = values;
    (void)argc;
    (void)argv;
    Error err = {}, refused = {};
    autoreply Tare__V1__VersionResponse *reply = NULL;
    if (!options->format) {
        print_client();
        fflush(stdout);
    }
    int asked = ask(cli, &reply, &err);
    autofree char *json = about_version(asked < 0 ? NULL : reply);
    // as Docker: without an engine, what is known of the client is told all the same
    if (options->format && format_document(json, options->format, stdout, &refused) < 0)
        return cli_report(cli, &refused);
    if (asked < 0)
        return cli_report(cli, &err);
    if (!options->format)
        print_server(reply);
    return 0;
}

#define T VersionOptions
static const Option options[] = {
    {'f', "format", OPTION_TEXT, offsetof(T, format), "string", FORMAT_ONE_HELP},
    {},
};
#undef T

const Command command_version = {
    .arguments = "[OPTIONS]",
    .summary = "Show the Tare version information",
    .options = options,
    .options_size = sizeof(VersionOptions),
    .run = run,
};
