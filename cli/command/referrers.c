// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include "base/json.h"
#include "base/text.h"
#include "cli/client.h"
#include "cli/command/command.h"
#include "cli/format.h"
#include "cli/registry_login.h"
#include "proto/tare/v1/image.pb-c.h"

typedef struct ReferrersOptions {
    const char *artifact_type, *format;
} ReferrersOptions;

typedef Tare__V1__Referrer Referrer;

static char *annotations(const void *item, const FormatView *view) {
    (void)view;
    const Referrer *referrer = item;
    Text text = {};
    for (size_t i = 0; i < referrer->n_annotations; i++)
        text_append_format(&text, "%s%s=%s", i ? "," : "", referrer->annotations[i]->key,
            referrer->annotations[i]->value);
    return text_take(&text);
}

static char *artifact_type(const void *item, const FormatView *view) {
    (void)view;
    return text_copy(((const Referrer *)item)->artifact_type);
}

static char *digest(const void *item, const FormatView *view) {
    (void)view;
    return text_copy(((const Referrer *)item)->digest);
}

static char *media_type(const void *item, const FormatView *view) {
    (void)view;
    return text_copy(((const Referrer *)item)->media_type);
}

static char *size(const void *item, const FormatView *view) {
    (void)view;
    return text_format("%lld", (long long)((const Referrer *)item)->size);
}

static char *annotation(const void *item, const char *name) {
    const Referrer *referrer = item;
    for (size_t i = 0; i < referrer->n_annotations; i++)
        if (text_equal(referrer->annotations[i]->key, name))
            return text_copy(referrer->annotations[i]->value);
    return text_copy("");
}

static const FormatField fields[] = {
    {"Annotations", "ANNOTATIONS", annotations},
    {"ArtifactType", "ARTIFACT TYPE", artifact_type},
    {"Digest", "DIGEST", digest},
    {"MediaType", "MEDIA TYPE", media_type},
    {"Size", "SIZE", size},
    {},
};

static const FormatNoun noun = {
    .type = "*image.referrer",
    .table = "{{.Digest}}\t{{.ArtifactType}}\t{{.Annotations}}",
    .fields = fields,
    .label = annotation,
};

static int show(Cli *cli, const ReferrersOptions *options, char *reference, Error *err) {
    const FormatOptions view = {.format = options->format};
    autodone(RegistryLogin) login = {};
    autoptr(Format) format = NULL;
    autoreply Tare__V1__ReferrersResponse *reply = NULL;
    Client *client = NULL;
    Tare__V1__ReferrersRequest request = TARE__V1__REFERRERS_REQUEST__INIT;
    TRY(format_open(&noun, &view, &format, err));
    TRY(registry_login_find(reference, &login, err));
    request.reference = reference;
    if (options->artifact_type)
        request.artifact_type = (char *)options->artifact_type;
    request.credentials = login.message;
    TRY(cli_client(cli, &client, err));
    TRY(client_call(client, &tare__v1__images__descriptor, "Referrers", &request, &reply, err));
    for (size_t i = 0; i < reply->n_referrers; i++)
        TRY(format_add(format, reply->referrers[i], err));
    return format_print(format, stdout, err);
}

static int run(Cli *cli, const void *values, int argc, char **argv) {
    (void)argc;
    Error err = {};
    return show(cli, values, argv[0], &err) < 0 ? cli_report(cli, &err) : 0;
}

#define T ReferrersOptions
static const Option options[] = {
    {0, "artifact-type", OPTION_TEXT, offsetof(T, artifact_type), "string",
        "Only referrers of this type"},
    {0, "format", OPTION_TEXT, offsetof(T, format), "string", FORMAT_HELP},
    {},
};
#undef T

const Command command_referrers = {
    .arguments = "[OPTIONS] NAME[:TAG|@DIGEST]",
    .summary = "List what refers to an image in its registry",
    .more = "Signatures, lists of packages and the like: manifests whose subject is the image. The "
            "registry is asked; the image need not be here. NAME@DIGEST pulls or fetches one.\n\n"
            "Fields of templates: .Annotations, .ArtifactType, .Digest, .MediaType, .Size, and "
            ".Label \"NAME\" for one annotation.",
    .options = options,
    .options_size = sizeof(ReferrersOptions),
    .min = 1,
    .max = 1,
    .run = run,
};
