// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include "base/text.h"
#include "cli/command/command.h"
#include "cli/credential_store.h"

static int run(Cli *cli, const void *values, int argc, char **argv) {
    (void)values;
    Error err = {};
    autofree char *registry = credential_store_registry(argc ? argv[0] : "");
    autofree char *key = credential_store_key(registry);
    if (credential_store_erase(registry, &err) < 0)
        return cli_report(cli, &err);
    printf("Removing login credentials for %s\n", key);
    return 0;
}

const Command command_logout = {
    .arguments = "[SERVER]",
    .summary = "Log out from a registry",
    .more = "Without SERVER, from Docker Hub.",
    .max = 1,
    .run = run,
};
