// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include "base/text.h"
#include "base/time.h"
#include "cli/noun.h"
#include "proto/containerd/services/events.pb-c.h"

/* tare event: what happens, as containerd's clients hear it, until interrupted. */
static int listen_all(Client *client, const NounOptions *options, Error *err) {
    autoptr(ClientStream) stream =
        client_open(client, &containerd__events__events__descriptor, "Subscribe");
    Containerd__Events__SubscribeRequest request;
    containerd__events__subscribe_request__init(&request);
    request.filters = (char **)options->filters.item;
    request.n_filters = options->filters.n;
    TRY(client_send(stream, &request, err));
    TRY(client_send_end(stream, err));
    for (;;) {
        autoreply Containerd__Types__Envelope *event = NULL;
        char time[TIME_TEXT_SIZE];
        int more = client_receive(stream, &event, err);
        if (more <= 0)
            return more;
        int64_t at = event->timestamp
                         ? event->timestamp->seconds * TIME_SECOND + event->timestamp->nanos
                         : 0;
        printf("%s %s %s %s\n", time_format_fixed(at, time), event->namespace_, event->topic,
            event->event ? event->event->type_url : "-");
        fflush(stdout);
    }
}

static int run(Cli *cli, const void *values, int argc, char **argv) {
    Error err = {};
    Client *client = NULL;
    if (cli_client(cli, &client, &err) < 0 || listen_all(client, values, &err) < 0)
        return cli_report(cli, &err);
    return 0;
}

static const Option options[] = {
    {'f', "filter", OPTION_TEXTS, offsetof(NounOptions, filters), "filter",
        "containerd's filter, e.g. namespace==default,topic~=/tasks/"},
    {}};

const Command command_event = {
    .arguments = "[OPTIONS]",
    .summary = "Show events of all namespaces as they happen",
    .options = options,
    .options_size = sizeof(NounOptions),
    .run = run,
};
