// SPDX-License-Identifier: Apache-2.0
#include "cli/cli.h"

#include <stdio.h>

#include "cli/client.h"
#include "cli/endpoint.h"

int cli_client(Cli *cli, Client **ret, Error *err) {
    if (!cli->client) {
        Endpoint endpoint = {};
        TRY(endpoint_find(cli->host, &endpoint, err));
        int fd = -1;
        int result = endpoint_connect(&endpoint, &fd, err);
        endpoint_done(&endpoint);
        TRY(result);
        cli->client = client_new(fd);
    }
    *ret = cli->client;
    return 0;
}

void cli_disconnect(Cli *cli) {
    client_free(cli->client);
    cli->client = NULL;
}

/* A message may quote a registry or an image: nothing of it may steer the terminal. C0 controls,
 * DEL and the two bytes of the C1 controls (U+0080 to U+009F) become '?'. */
static void defuse(char *text) {
    for (unsigned char *p = (unsigned char *)text; *p; p++) {
        bool control = (*p < 0x20 && *p != '\n' && *p != '\t') || *p == 0x7f;
        bool c1 = p[0] == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f;
        if (control || c1)
            *p = '?';
        if (c1)
            p[1] = '?';
    }
}

static void print_error(const Cli *cli, const Error *err) {
    char message[sizeof err->message];
    snprintf(message, sizeof message, "%s", err->message);
    defuse(message);
    fflush(stdout);
    fprintf(stderr, "tare: %s\n", message);
    if (cli->debug)
        fprintf(stderr, "tare: code %d%s%s\n", -err->code, *err->reason ? ", reason " : "",
            err->reason);
}

int cli_report(const Cli *cli, const Error *err) {
    print_error(cli, err);
    return 1;
}

int cli_report_usage(const Cli *cli, const Error *err) {
    print_error(cli, err);
    fprintf(stderr, "\nRun 'tare %s --help' for more information\n", cli->name);
    return EXIT_ENGINE;
}

int cli_each(Cli *cli, int argc, char **argv, CliAct act, void *data) {
    int code = 0;
    for (int i = 0; i < argc; i++) {
        Error err = {};
        Client *client = NULL;
        if (cli_client(cli, &client, &err) < 0)
            return cli_report(cli, &err); // it would be the same for all
        if (act(client, argv[i], data, &err) < 0)
            code = cli_report(cli, &err);
    }
    return code;
}
