// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "base/text.h"
#include "cli/client.h"
#include "cli/command/command.h"
#include "cli/document.h"
#include "cli/format.h"
#include "cli/template/template.h"
#include "proto/tare/v1/container.pb-c.h"
#include "proto/tare/v1/image.pb-c.h"
#include "proto/tare/v1/volume.pb-c.h"

enum {
    EXIT_TEMPLATE = 64 /* docker's, for what is no template */
};

typedef struct InspectOptions {
    const char *format, *type, *platform;
    bool size;
} InspectOptions;

typedef struct Output {
    const char *type, *platform; /* NULL: any */
    const Template *template;    /* NULL: JSON */
    bool size, compact;
    Text json; /* elements, without the brackets around them */
} Output;

static int inspect_container(
    Client *client, const char *name, const Output *output, char **ret, Error *err) {
    Tare__V1__ContainerRequest request = TARE__V1__CONTAINER_REQUEST__INIT;
    request.container = (char *)name;
    request.size = output->size;
    autoreply Tare__V1__InspectResponse *reply = NULL;
    TRY(client_call(client, &tare__v1__containers__descriptor, "Inspect", &request, &reply, err));
    *ret = text_copy(reply->json);
    return 0;
}

static int inspect_image(
    Client *client, const char *name, const Output *output, char **ret, Error *err) {
    Tare__V1__ImageRequest request = TARE__V1__IMAGE_REQUEST__INIT;
    request.image = (char *)name;
    if (output->platform)
        request.platform = (char *)output->platform;
    autoreply Tare__V1__InspectImageResponse *reply = NULL;
    TRY(client_call(client, &tare__v1__images__descriptor, "Inspect", &request, &reply, err));
    *ret = text_copy(reply->json);
    return 0;
}

static int inspect_volume(
    Client *client, const char *name, const Output *output, char **ret, Error *err) {
    (void)output;
    Tare__V1__VolumeRequest request = TARE__V1__VOLUME_REQUEST__INIT;
    request.volume = (char *)name;
    autoreply Tare__V1__InspectVolumeResponse *reply = NULL;
    TRY(client_call(client, &tare__v1__volumes__descriptor, "Inspect", &request, &reply, err));
    *ret = text_copy(reply->json);
    return 0;
}

static const struct {
    const char *type;
    int (*inspect)(Client *client, const char *name, const Output *output, char **ret, Error *err);
} kinds[] = {
    {"container", inspect_container}, {"image", inspect_image}, {"volume", inspect_volume}};

static int inspect(Client *client, const char *name, const Output *output, char **ret, Error *err) {
    const char *type = output->type;
    for (size_t i = 0; i < array_size(kinds); i++) {
        if (!text_is_empty(type) && !text_equal(type, kinds[i].type))
            continue;
        int result = kinds[i].inspect(client, name, output, ret, err);
        if (result == 0 && output->size && kinds[i].inspect != inspect_container)
            fprintf(stderr, "WARNING: --size ignored for %s\n", kinds[i].type);
        if (result != ERROR_NOT_FOUND || !text_is_empty(type))
            return result;
    }
    return error_set(err, ERROR_NOT_FOUND, "no such object: %s", name);
}

static int check_type(const char *type, Error *err) {
    bool known = text_is_empty(type);
    for (size_t i = 0; i < array_size(kinds); i++)
        known |= text_equal(type, kinds[i].type);
    return known ? 0
                 : error_set(err, ERROR_INVALID,
                       "unknown type: \"%s\": must be one of \"container\", \"image\", \"volume\"",
                       type);
}

static int inspect_one(Client *client, const char *name, void *data, Error *err) {
    Output *output = data;
    autofree char *json = NULL;
    TRY(inspect(client, name, output, &json, err));
    if (output->template) {
        autodone(Text) text = {};
        const TemplateInput input = {.dot = document_of(json)};
        if (template_execute(output->template, &input, &text, err) < 0)
            return error_prefix(err, "template parsing error");
        printf("%s\n", text.data ? text.data : "");
        return 0;
    }
    if (output->compact) {
        text_append_format(&output->json, "%s%s", output->json.length ? "," : "", json);
        return 0;
    }
    text_append(&output->json, output->json.length ? ",\n    " : "\n    ");
    document_indent(document_of(json), 1, &output->json);
    return 0;
}

static int run_typed(
    Cli *cli, const InspectOptions *options, const char *type, int argc, char **argv) {
    Error err = {};
    autoptr(Template) template = NULL;
    if (check_type(type, &err) < 0)
        return cli_report(cli, &err);
    bool compact = text_equal(options->format, "json");
    if (!text_is_empty(options->format) && !compact &&
        template_parse(options->format, &template, &err) < 0) {
        error_prefix(&err, "template parsing error");
        cli_report(cli, &err);
        return EXIT_TEMPLATE;
    }
    Output output = {
        .type = type,
        .platform = options->platform,
        .template = template,
        .size = options->size,
        .compact = compact,
    };
    int code = cli_each(cli, argc, argv, inspect_one, &output);
    if (!template)
        printf("[%s%s]\n", output.json.data ? output.json.data : "",
            output.json.length && !compact ? "\n" : "");
    text_done(&output.json);
    return code;
}

static int run_any(Cli *cli, const void *values, int argc, char **argv) {
    const InspectOptions *options = values;
    return run_typed(cli, options, options->type, argc, argv);
}

static int run_container(Cli *cli, const void *values, int argc, char **argv) {
    return run_typed(cli, values, "container", argc, argv);
}

static int run_image(Cli *cli, const void *values, int argc, char **argv) {
    return run_typed(cli, values, "image", argc, argv);
}

static int run_volume(Cli *cli, const void *values, int argc, char **argv) {
    return run_typed(cli, values, "volume", argc, argv);
}

#define T InspectOptions
#define FORMAT_ROW                                                                                 \
    { 'f', "format", OPTION_TEXT, offsetof(T, format), "string", FORMAT_ONE_HELP }
#define SIZE_ROW                                                                                   \
    {                                                                                              \
        's', "size", OPTION_FLAG, offsetof(T, size), NULL,                                         \
            "Display total file sizes if the type is container"                                    \
    }
static const Option options[] = {
    FORMAT_ROW,
    SIZE_ROW,
    {0, "type", OPTION_TEXT, offsetof(T, type), "string",
        "Only inspect objects of the given type (container, image, volume)"},
    {},
};
static const Option container_options[] = {FORMAT_ROW, SIZE_ROW, {}};
static const Option image_options[] = {
    FORMAT_ROW,
    {0, "platform", OPTION_TEXT, offsetof(T, platform), "string",
        "Fail if the image is not for this platform, \"os[/arch[/variant]]\""},
    {},
};
static const Option other_options[] = {FORMAT_ROW, {}};
#undef T

const Command command_inspect = {
    .arguments = "[OPTIONS] NAME|ID [NAME|ID...]",
    .summary = "Return low-level information on containers, images and volumes",
    .more = "A JSON array with one element for each name; containers are looked for before "
            "images, and these before volumes.\n\n"
            "Templates: {{.State.Running}}, {{json .Config}}, {{len .Mounts}}, "
            "{{index .Config.Labels \"name\"}}, {{range .Mounts}}…{{end}}, "
            "{{if .State.Running}}…{{else}}…{{end}}, {{println .Name}}.",
    .options = options,
    .options_size = sizeof(InspectOptions),
    .min = 1,
    .max = -1,
    .run = run_any,
};

const Command command_container_inspect = {
    .arguments = "[OPTIONS] CONTAINER [CONTAINER...]",
    .summary = "Display detailed information on one or more containers",
    .options = container_options,
    .options_size = sizeof(InspectOptions),
    .min = 1,
    .max = -1,
    .run = run_container,
};

const Command command_image_inspect = {
    .arguments = "[OPTIONS] IMAGE [IMAGE...]",
    .summary = "Display detailed information on one or more images",
    .options = image_options,
    .options_size = sizeof(InspectOptions),
    .min = 1,
    .max = -1,
    .run = run_image,
};

const Command command_volume_inspect = {
    .arguments = "[OPTIONS] VOLUME [VOLUME...]",
    .summary = "Display detailed information on one or more volumes",
    .options = other_options,
    .options_size = sizeof(InspectOptions),
    .min = 1,
    .max = -1,
    .run = run_volume,
};
