// SPDX-License-Identifier: Apache-2.0
#include "version.h"

#include <stdio.h>
#include <sys/utsname.h>

#include "base/text.h"
#include "cli/client.h"
#include "cli/command/command.h"
#include "proto/tare/v1/system.pb-c.h"

static const char *go_arch(const char *machine) {
    return text_equal(machine, "x86_64")    ? "amd64"
           : text_equal(machine, "aarch64") ? "arm64"
                                            : machine;
}

static void print_row(const char *name, const char *value) {
    if (value && *value)
        printf(" %-18s %s\n", name, value);
}

static void print_client(void) {
    struct utsname machine = {};
    uname(&machine);
    autofree char *platform = text_format("linux/%s", go_arch(machine.machine));
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

static int run(Cli *cli, const void *values, int argc, char **argv) {
    (void)values;
    (void)argc;
    (void)argv;
    print_client();
    fflush(stdout);
    Error err = {};
    Client *client = NULL;
    Tare__V1__VersionRequest request = TARE__V1__VERSION_REQUEST__INIT;
    autoreply Tare__V1__VersionResponse *reply = NULL;
    if (cli_client(cli, &client, &err) < 0 ||
        client_call(client, &tare__v1__system__descriptor, "Version", &request, &reply, &err) < 0)
        return cli_report(cli, &err);
    print_server(reply);
    return 0;
}

const Command command_version = {
    .arguments = "",
    .summary = "Show the Tare version information",
    .run = run,
};
