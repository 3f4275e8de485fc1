// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "cli/credentials.h"
#include "cli/noun.h"
#include "cli/reference.h"
#include "proto/containerd/services/streaming.pb-c.h"
#include "proto/containerd/services/transfer.pb-c.h"
#include "proto/containerd/types/transfer-imagestore.pb-c.h"
#include "proto/containerd/types/transfer-progress.pb-c.h"
#include "proto/containerd/types/transfer-registry.pb-c.h"

/* tare content fetch: an image's content from a registry, with a record of the image that keeps it.
 * The engine does it; two streams that are lent to the transfer bring its questions and words. */
typedef struct FetchOptions {
    NounOptions noun;
    const char *platform;
    bool plain_http;
} FetchOptions;

static Google__Protobuf__Any *wrap(const ProtobufCMessage *message) {
    Google__Protobuf__Any *any = new (Google__Protobuf__Any);
    google__protobuf__any__init(any);
    any->type_url = (char *)message->descriptor->name;
    any->value.data = memory_new(protobuf_c_message_get_packed_size(message) + 1);
    any->value.len = protobuf_c_message_pack(message, any->value.data);
    return any;
}

static void wrap_free(Google__Protobuf__Any *any) {
    if (any)
        free(any->value.data);
    free(any);
}
CLEANUP_DEFINE(Google__Protobuf__Any, wrap_free)

static int send_wrapped(ClientStream *stream, const ProtobufCMessage *message, Error *err) {
    autoptr(Google__Protobuf__Any) any = wrap(message);
    return client_send(stream, any, err);
}

/* The engine's first word says that the stream can be named in a transfer. */
static int lend(Client *client, char id[33], ClientStream **ret, Error *err) {
    autoptr(ClientStream) stream =
        client_open(client, &containerd__streaming__streaming__descriptor, "Stream");
    Containerd__Streaming__StreamInit init;
    containerd__streaming__stream_init__init(&init);
    text_random_hex(id, 16);
    init.id = id;
    TRY(send_wrapped(stream, &init.base, err));
    autoreply Google__Protobuf__Any *ready = NULL;
    int more = client_receive(stream, &ready, err);
    TRY(more);
    if (!more)
        return error_set(err, ERROR_UNAVAILABLE, "the engine closed a stream of ours");
    *ret = take_ptr(&stream);
    return 0;
}

/* Asked once, before anything else. */
static int answer(ClientStream *stream, const Credentials *credentials, Error *err) {
    Containerd__Transfer__AuthResponse response;
    containerd__transfer__auth_response__init(&response);
    autoreply Google__Protobuf__Any *question = NULL;
    int more = client_receive(stream, &question, err);
    if (more <= 0)
        return more;
    if (credentials->identity_token) {
        response.authtype = CONTAINERD__TRANSFER__AUTH_TYPE__REFRESH;
        response.secret = credentials->identity_token;
    } else {
        response.authtype = CONTAINERD__TRANSFER__AUTH_TYPE__CREDENTIALS;
        response.username = credentials->username;
        response.secret = credentials->password ? credentials->password : (char *)"";
    }
    TRY(send_wrapped(stream, &response.base, err));
    return client_send_end(stream, err);
}

/* "layer-sha256:…" as two words, when it is here. */
static void print_blob(const Containerd__Transfer__Progress *progress) {
    const char *digest = strchr(progress->name, '-');
    if (!digest || !progress->desc ||
        !(text_equal(progress->event, "complete") || text_equal(progress->event, "already exists")))
        return;
    text_make_printable(progress->name);
    printf("%.*s %s\n", (int)(digest - progress->name), progress->name, digest + 1);
    fflush(stdout);
}

static void print_progress(const Google__Protobuf__Any *any) {
    if (!text_ends(any->type_url, "containerd.types.transfer.Progress"))
        return;
    const ProtobufCMessageDescriptor *type = &containerd__transfer__progress__descriptor;
    ProtobufCMessage *message =
        protobuf_c_message_unpack(type, NULL, any->value.len, any->value.data);
    if (message)
        print_blob((const void *)message);
    protobuf_c_message_free_unpacked(message, NULL);
}

/* To the end of the transfer. */
static int follow(ClientStream *stream, bool quiet, Error *err) {
    for (;;) {
        autoreply Google__Protobuf__Any *any = NULL;
        int more = client_receive(stream, &any, err);
        if (more <= 0)
            return more;
        if (!quiet)
            print_progress(any);
    }
}

/* Without streams for questions and words there are none. */
typedef struct Transfer {
    char auth_id[33], progress_id[33];
    ClientStream *auth, *progress;
    Credentials credentials;
} Transfer;

static void transfer_done(Transfer *transfer) {
    client_stream_free(transfer->auth);
    client_stream_free(transfer->progress);
    credentials_done(&transfer->credentials);
}
CLEANUP_DEFINE_DONE(Transfer, transfer_done)

static int prepare(Transfer *transfer, Client *client, const char *reference, Error *err) {
    autofree char *host = reference_host(reference);
    TRY(credentials_find(host, &transfer->credentials, err));
    if (transfer->credentials.username || transfer->credentials.identity_token)
        TRY(lend(client, transfer->auth_id, &transfer->auth, err));
    return lend(client, transfer->progress_id, &transfer->progress, err);
}

static int request(ClientStream *call, const Transfer *transfer, const FetchOptions *options,
    const char *reference, Error *err) {
    Containerd__Transfer__RegistryResolver resolver;
    Containerd__Transfer__OCIRegistry source;
    Containerd__Transfer__ImageStore target;
    Containerd__Types__Platform platform, *platforms = &platform;
    Containerd__Transfer__TransferOptions streams;
    Containerd__Transfer__TransferRequest message;
    autodone(NounMap) labels = {};
    containerd__transfer__registry_resolver__init(&resolver);
    containerd__transfer__ociregistry__init(&source);
    containerd__transfer__image_store__init(&target);
    containerd__types__platform__init(&platform);
    containerd__transfer__transfer_options__init(&streams);
    containerd__transfer__transfer_request__init(&message);
    noun_map_read(&labels, &containerd__transfer__image_store__labels_entry__descriptor,
        options->noun.labels.item, options->noun.labels.n);
    autotexts char **words = texts_split(options->platform ? options->platform : "", '/');
    size_t n = texts_count(words);
    if (options->platform && (n < 2 || n > 3))
        return error_set(err, ERROR_INVALID,
            "invalid platform '%s': expected OS/ARCHITECTURE[/VARIANT]", options->platform);
    if (n >= 2) {
        platform.os = words[0];
        platform.architecture = words[1];
        platform.variant = n > 2 ? words[2] : (char *)"";
        target.platforms = &platforms;
        target.n_platforms = 1;
    }
    resolver.auth_stream = (char *)transfer->auth_id;
    resolver.default_scheme = (char *)(options->plain_http ? "http" : "");
    source.reference = (char *)reference;
    source.resolver = &resolver;
    target.name = (char *)reference;
    target.labels = (void *)labels.entry;
    target.n_labels = labels.n;
    streams.progress_stream = (char *)transfer->progress_id;
    autoptr(Google__Protobuf__Any) from = wrap(&source.base);
    autoptr(Google__Protobuf__Any) to = wrap(&target.base);
    message.source = from;
    message.destination = to;
    message.options = &streams;
    TRY(client_send(call, &message, err));
    return client_send_end(call, err);
}

static int fetch(Client *client, const FetchOptions *options, const char *reference, Error *err) {
    autodone(Transfer) transfer = {};
    TRY(prepare(&transfer, client, reference, err));
    autoptr(ClientStream) call =
        client_open(client, &containerd__transfer__transfer__descriptor, "Transfer");
    TRY(request(call, &transfer, options, reference, err));
    Error gone; /* the transfer itself says why it ended */
    if (transfer.auth)
        answer(transfer.auth, &transfer.credentials, &gone);
    follow(transfer.progress, options->noun.quiet, &gone);
    autoreply Google__Protobuf__Empty *done = NULL;
    int answered = client_receive(call, &done, err);
    return answered < 0 ? answered : 0;
}

static int run(Cli *cli, const void *values, int argc, char **argv) {
    const FetchOptions *options = values;
    Error err = {};
    Client *client = NULL;
    autofree char *reference = reference_canonical(argv[0], true);
    if (noun_client(cli, &options->noun, &client, &err) < 0 ||
        fetch(client, options, reference, &err) < 0)
        return cli_report(cli, &err);
    puts(reference);
    return 0;
}

#define T FetchOptions
static const Option options[] = {
    {0, "label", OPTION_TEXTS, offsetof(T, noun.labels), "key=value", "Labels of the image"},
    NOUN_SPACE,
    {0, "plain-http", OPTION_FLAG, offsetof(T, plain_http), NULL,
        "Speak http to the registry, without TLS"},
    {0, "platform", OPTION_TEXT, offsetof(T, platform), "string",
        "Platform, e.g. linux/arm64 (default: this machine's)"},
    {'q', "quiet", OPTION_FLAG, offsetof(T, noun.quiet), NULL, "Only print the image's name"},
    {},
};
#undef T

const Command command_content_fetch = {
    .arguments = "[OPTIONS] IMAGE",
    .summary = "Fetch an image's content from a registry, without unpacking it",
    .more = "The content of one platform comes into the namespace, with an image of that name, as "
            "containerd's clients see it, that keeps it. Nothing can run on it yet; \"tare pull\" "
            "is the way to an image of Tare's own. Credentials are those of \"tare login\".",
    .options = options,
    .options_size = sizeof(FetchOptions),
    .min = 1,
    .max = 1,
    .run = run,
};
