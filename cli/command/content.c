// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "cli/human.h"
#include "cli/noun.h"
#include "cli/table.h"
#include "proto/containerd/services/content.pb-c.h"

/* tare content: blobs by digest. */
#define SERVICE &containerd__content__content__descriptor

enum {
    CHUNK = 1 << 18
};

static void add_blob(Table *table, const Containerd__Content__Info *info) {
    char size[HUMAN_SIZE], age[HUMAN_SIZE];
    autofree char *labels = noun_labels(info->labels, info->n_labels);
    int64_t created = info->created_at ? info->created_at->seconds * TIME_SECOND : 0;
    table_add(table, info->digest);
    table_add(table, human_size(info->size, size));
    table_add(table, created ? human_duration(time_now() - created, age) : "-");
    table_add(table, labels);
}

static int list(Client *client, const NounOptions *options, Error *err) {
    static const char *const header[] = {"DIGEST", "SIZE", "AGE", "LABELS"};
    autoptr(ClientStream) stream = client_open(client, SERVICE, "List");
    Containerd__Content__ListContentRequest request;
    containerd__content__list_content_request__init(&request);
    request.filters = (char **)options->filters.item;
    request.n_filters = options->filters.n;
    autodone(Table) table = {.columns = array_size(header)};
    for (size_t i = 0; i < array_size(header); i++)
        table_add(&table, header[i]);
    TRY(client_send(stream, &request, err));
    TRY(client_send_end(stream, err));
    for (;;) {
        autoreply Containerd__Content__ListContentResponse *reply = NULL;
        int more = client_receive(stream, &reply, err);
        TRY(more);
        if (!more)
            break;
        for (size_t i = 0; i < reply->n_info; i++) {
            add_blob(&table, reply->info[i]);
            if (options->quiet)
                puts(reply->info[i]->digest);
        }
    }
    if (!options->quiet)
        table_print(&table, stdout);
    return 0;
}

static int run_ls(Cli *cli, const void *values, int argc, char **argv) {
    Error err = {};
    Client *client = NULL;
    if (noun_client(cli, values, &client, &err) < 0 || list(client, values, &err) < 0)
        return cli_report(cli, &err);
    return 0;
}

static int run_get(Cli *cli, const void *values, int argc, char **argv) {
    Error err = {};
    Client *client = NULL;
    if (noun_client(cli, values, &client, &err) < 0 ||
        noun_content_print(client, argv[0], &err) < 0)
        return cli_report(cli, &err);
    return 0;
}

static int remove_one(Client *client, const char *digest, void *data, Error *err) {
    Containerd__Content__DeleteContentRequest request;
    containerd__content__delete_content_request__init(&request);
    request.digest = (char *)digest;
    TRY(client_call(client, SERVICE, "Delete", &request, NULL, err));
    puts(digest);
    return 0;
}

static int run_rm(Cli *cli, const void *values, int argc, char **argv) {
    return noun_each(cli, values, argc, argv, remove_one);
}

static void print_active(const Containerd__Content__ListStatusesResponse *reply) {
    autodone(Table) table = {.columns = 4};
    table_add(&table, "REF");
    table_add(&table, "SIZE");
    table_add(&table, "TOTAL");
    table_add(&table, "AGE");
    for (size_t i = 0; i < reply->n_statuses; i++) {
        const Containerd__Content__Status *status = reply->statuses[i];
        char size[HUMAN_SIZE], total[HUMAN_SIZE], age[HUMAN_SIZE];
        int64_t started = status->started_at ? status->started_at->seconds * TIME_SECOND : 0;
        table_add(&table, status->ref);
        table_add(&table, human_size(status->offset, size));
        table_add(&table, status->total ? human_size(status->total, total) : "-");
        table_add(&table, human_duration(time_now() - started, age));
    }
    table_print(&table, stdout);
}

static int run_active(Cli *cli, const void *values, int argc, char **argv) {
    Error err = {};
    Client *client = NULL;
    Containerd__Content__ListStatusesRequest request;
    containerd__content__list_statuses_request__init(&request);
    autoreply Containerd__Content__ListStatusesResponse *reply = NULL;
    if (noun_client(cli, values, &client, &err) < 0 ||
        client_call(client, SERVICE, "ListStatuses", &request, &reply, &err) < 0)
        return cli_report(cli, &err);
    print_active(reply);
    return 0;
}

/* Labels without a value are removed. */
static int run_label(Cli *cli, const void *values, int argc, char **argv) {
    Error err = {};
    Client *client = NULL;
    Containerd__Content__Info info;
    Containerd__Content__UpdateRequest request;
    Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
    autodone(NounMap) labels = {};
    containerd__content__info__init(&info);
    containerd__content__update_request__init(&request);
    NounEntry *type = &containerd__content__info__labels_entry__descriptor;
    noun_map_read(&labels, type, (const char *const *)&argv[1], (size_t)argc - 1);
    autotexts char **paths = noun_map_paths(&labels);
    info.digest = argv[0];
    info.labels = (void *)labels.entry;
    info.n_labels = labels.n;
    mask.paths = paths;
    mask.n_paths = labels.n;
    request.info = &info;
    request.update_mask = &mask;
    if (noun_client(cli, values, &client, &err) < 0 ||
        client_call(client, SERVICE, "Update", &request, NULL, &err) < 0)
        return cli_report(cli, &err);
    return 0;
}

static int send_all(ClientStream *stream, const char *reference, const char *expected,
    int64_t *ret_total, Error *err) {
    autofree uint8_t *buffer = memory_new(CHUNK);
    for (ssize_t n = 1; n > 0;) {
        n = read(STDIN_FILENO, buffer, CHUNK);
        if (n < 0)
            return error_set_errno(err, errno, "cannot read standard input");
        Containerd__Content__WriteContentRequest request;
        containerd__content__write_content_request__init(&request);
        request.action = n ? CONTAINERD__CONTENT__WRITE_ACTION__WRITE
                           : CONTAINERD__CONTENT__WRITE_ACTION__COMMIT;
        request.ref = (char *)reference;
        request.offset = *ret_total;
        request.data = (ProtobufCBinaryData){(size_t)n, buffer};
        if (!n && expected)
            request.expected = (char *)expected;
        autoreply Containerd__Content__WriteContentResponse *reply = NULL;
        TRY(client_send(stream, &request, err));
        int answered = client_receive(stream, &reply, err);
        TRY(answered);
        *ret_total += n;
        if (!n && answered)
            puts(reply->digest);
    }
    return client_send_end(stream, err);
}

static int run_ingest(Cli *cli, const void *values, int argc, char **argv) {
    const NounOptions *options = values;
    Error err = {};
    Client *client = NULL;
    int64_t total = 0;
    if (noun_client(cli, values, &client, &err) < 0)
        return cli_report(cli, &err);
    autoptr(ClientStream) stream = client_open(client, SERVICE, "Write");
    if (send_all(stream, argv[0], options->digest, &total, &err) < 0)
        return cli_report(cli, &err);
    return 0;
}

static const Option ls_options[] = {NOUN_FILTER, NOUN_SPACE, NOUN_QUIET, {}};
static const Option space_options[] = {NOUN_SPACE, {}};
static const Option ingest_options[] = {
    {0, "expected-digest", OPTION_TEXT, offsetof(NounOptions, digest), "digest",
        "Refuse content with another digest"},
    NOUN_SPACE, {}};

const Command command_content_ls = {
    .arguments = "[OPTIONS]",
    .summary = "List content",
    .options = ls_options,
    .options_size = sizeof(NounOptions),
    .run = run_ls,
};
const Command command_content_get = {
    .arguments = "[OPTIONS] DIGEST",
    .summary = "Write content to standard output",
    .options = space_options,
    .options_size = sizeof(NounOptions),
    .min = 1,
    .max = 1,
    .run = run_get,
};
const Command command_content_rm = {
    .arguments = "[OPTIONS] DIGEST [DIGEST...]",
    .summary = "Remove content from the namespace",
    .options = space_options,
    .options_size = sizeof(NounOptions),
    .min = 1,
    .max = -1,
    .run = run_rm,
};
const Command command_content_active = {
    .arguments = "[OPTIONS]",
    .summary = "List content being written",
    .options = space_options,
    .options_size = sizeof(NounOptions),
    .run = run_active,
};
const Command command_content_label = {
    .arguments = "[OPTIONS] DIGEST KEY[=VALUE] [KEY[=VALUE]...]",
    .summary = "Set labels of content, or remove them",
    .options = space_options,
    .options_size = sizeof(NounOptions),
    .min = 2,
    .max = -1,
    .run = run_label,
};
const Command command_content_ingest = {
    .arguments = "[OPTIONS] REFERENCE",
    .summary = "Store standard input as content",
    .options = ingest_options,
    .options_size = sizeof(NounOptions),
    .min = 1,
    .max = 1,
    .run = run_ingest,
};
