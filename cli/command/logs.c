// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "base/time.h"
#include "cli/client.h"
#include "cli/command/command.h"
#include "cli/moment.h"
#include "proto/tare/v1/container.pb-c.h"

typedef struct LogsOptions {
    bool follow, timestamps, details;
    const char *tail, *since, *until;
} LogsOptions;

static int make_request(
    const LogsOptions *options, const char *container, Tare__V1__LogsRequest *ret, Error *err) {
    tare__v1__logs_request__init(ret);
    ret->container = (char *)container;
    ret->follow = options->follow;
    ret->stdout = ret->stderr = true;
    ret->joined = !options->timestamps && !options->details;
    int64_t tail = 0;
    // as Docker: what is no number, or negative, means all
    if (options->tail && text_parse_int(options->tail, "tail", &tail, err) >= 0 && tail >= 0) {
        ret->has_tail = true;
        ret->tail = (uint64_t)tail;
    }
    *err = (Error){};
    if (options->since)
        TRY(moment_parse(options->since, "since", time_now(), &ret->since, err));
    if (options->until)
        TRY(moment_parse(options->until, "until", time_now(), &ret->until, err));
    return 0;
}

/* A line may span messages: the time goes before its first byte only. Each stream has its own. */
typedef struct LogOutput {
    FILE *out;
    bool inside_line;
} LogOutput;

static void write_entry(
    LogOutput *output, const Tare__V1__LogsEntry *entry, const LogsOptions *options) {
    char time[TIME_TEXT_SIZE];
    const ProtobufCBinaryData *data = &entry->data;
    if (data->len == 0)
        return;
    if (options->timestamps && !output->inside_line)
        fprintf(output->out, "%s ", time_format_fixed(entry->time, time));
    if (options->details && !output->inside_line)
        fprintf(output->out, "%s ", entry->details);
    fwrite(data->data, 1, data->len, output->out);
    output->inside_line = data->data[data->len - 1] != '\n';
}

static int relay(ClientStream *stream, const LogsOptions *options, Error *err) {
    LogOutput out = {.out = stdout}, error = {.out = stderr};
    for (;;) {
        autoreply Tare__V1__LogsResponse *message = NULL;
        int received = client_receive(stream, &message, err);
        if (received <= 0)
            return received;
        for (size_t i = 0; i < message->n_entries; i++) {
            const Tare__V1__LogsEntry *entry = message->entries[i];
            if (entry->stderr) // both streams may be one terminal: keep their order
                fflush(stdout);
            write_entry(entry->stderr ? &error : &out, entry, options);
        }
        if (options->follow)
            fflush(stdout);
        if (ferror(stdout))
            return error_set(err, ERROR_UNKNOWN, "cannot write to standard output");
    }
}

static int logs(Cli *cli, const LogsOptions *options, const char *container, Error *err) {
    Tare__V1__LogsRequest request;
    TRY(make_request(options, container, &request, err));
    Client *client = NULL;
    TRY(cli_client(cli, &client, err));
    autoptr(ClientStream) stream = client_open(client, &tare__v1__containers__descriptor, "Logs");
    TRY(client_send(stream, &request, err));
    TRY(client_send_end(stream, err));
    return relay(stream, options, err);
}

static int run(Cli *cli, const void *values, int argc, char **argv) {
    (void)argc;
    Error err = {};
    return logs(cli, values, argv[0], &err) < 0 ? cli_report(cli, &err) : 0;
}

#define T LogsOptions
static const Option options[] = {
    {0, "details", OPTION_FLAG, offsetof(T, details), NULL, "Show extra details provided to logs"},
    {'f', "follow", OPTION_FLAG, offsetof(T, follow), NULL, "Follow log output"},
    {0, "since", OPTION_TEXT, offsetof(T, since), "string",
        "Show logs since timestamp (e.g. \"2013-01-02T13:23:37Z\") or relative (e.g. \"42m\")"},
    {'n', "tail", OPTION_TEXT, offsetof(T, tail), "string",
        "Number of lines to show from the end of the logs (default \"all\")"},
    {'t', "timestamps", OPTION_FLAG, offsetof(T, timestamps), NULL, "Show timestamps"},
    {0, "until", OPTION_TEXT, offsetof(T, until), "string",
        "Show logs before a timestamp (e.g. \"2013-01-02T13:23:37Z\") or relative (e.g. \"42m\")"},
    {},
};
#undef T

const Command command_logs = {
    .arguments = "[OPTIONS] CONTAINER",
    .summary = "Fetch the logs of a container",
    .more = "What the program wrote to its standard error goes to standard error.",
    .options = options,
    .options_size = sizeof(LogsOptions),
    .min = 1,
    .max = 1,
    .run = run,
};
