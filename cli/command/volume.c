// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include "base/text.h"
#include "cli/client.h"
#include "cli/command/command.h"
#include "cli/config.h"
#include "cli/volume_fields.h"

typedef struct VolumeOptions {
    const char *driver, *name, *format;
    OptionTexts labels, options, filters;
    bool quiet, force;
} VolumeOptions;

static ClientService *const service = &tare__v1__volumes__descriptor;

static int create(Cli *cli, const VolumeOptions *options, const char *name, Error *err) {
    Client *client = NULL;
    autoreply Tare__V1__Volume *reply = NULL;
    Tare__V1__CreateVolumeRequest request = TARE__V1__CREATE_VOLUME_REQUEST__INIT;
    if (options->name && name)
        return error_set(err, ERROR_INVALID,
            "conflicting options: cannot specify a volume-name through both --name and as a "
            "positional arg");
    name = name ? name : options->name;
    request.name = (char *)(name ? name : "");
    request.driver = (char *)(options->driver ? options->driver : "");
    request.labels = (char **)options->labels.item;
    request.n_labels = options->labels.n;
    request.options = (char **)options->options.item;
    request.n_options = options->options.n;
    TRY(cli_client(cli, &client, err));
    TRY(client_call(client, service, "Create", &request, &reply, err));
    printf("%s\n", reply->name);
    return 0;
}

static int run_create(Cli *cli, const void *values, int argc, char **argv) {
    Error err = {};
    return create(cli, values, argc ? argv[0] : NULL, &err) < 0 ? cli_report(cli, &err) : 0;
}

static int list(Cli *cli, const VolumeOptions *options, Error *err) {
    autofree char *configured = options->quiet ? NULL : config_text("volumesFormat");
    const FormatOptions view = {
        .format = options->format ? options->format : configured, .quiet = options->quiet};
    autoptr(Format) format = NULL;
    Client *client = NULL;
    autoreply Tare__V1__ListVolumesResponse *reply = NULL;
    Tare__V1__ListVolumesRequest request = TARE__V1__LIST_VOLUMES_REQUEST__INIT;
    request.filters = (char **)options->filters.item;
    request.n_filters = options->filters.n;
    TRY(format_open(&volume_noun, &view, &format, err));
    TRY(cli_client(cli, &client, err));
    TRY(client_call(client, service, "List", &request, &reply, err));
    for (size_t i = 0; i < reply->n_volumes; i++)
        TRY(format_add(format, reply->volumes[i], err));
    return format_print(format, stdout, err);
}

static int run_list(Cli *cli, const void *values, int argc, char **argv) {
    (void)argc;
    (void)argv;
    Error err = {};
    return list(cli, values, &err) < 0 ? cli_report(cli, &err) : 0;
}

static int remove_one(Client *client, const char *name, void *data, Error *err) {
    const VolumeOptions *options = data;
    Tare__V1__VolumeRequest request = TARE__V1__VOLUME_REQUEST__INIT;
    request.volume = (char *)name;
    int r = client_call(client, service, "Remove", &request, NULL, err);
    if (r != ERROR_NOT_FOUND || !options->force)
        TRY(r);
    printf("%s\n", name);
    return 0;
}

static int run_remove(Cli *cli, const void *values, int argc, char **argv) {
    VolumeOptions options = *(const VolumeOptions *)values;
    return cli_each(cli, argc, argv, remove_one, &options);
}

#define T VolumeOptions
#define FILTER_ROW(help)                                                                           \
    { 'f', "filter", OPTION_TEXTS, offsetof(T, filters), "filter", help }
static const Option create_options[] = {
    {'d', "driver", OPTION_TEXT, offsetof(T, driver), "string",
        "Specify volume driver name (default \"local\")"},
    {0, "label", OPTION_TEXTS, offsetof(T, labels), "list", "Set metadata for a volume"},
    {0, "name", OPTION_TEXT, offsetof(T, name), "string", NULL},
    {'o', "opt", OPTION_TEXTS, offsetof(T, options), "map", "Set driver specific options"},
    {},
};
static const Option list_options[] = {
    FILTER_ROW("Provide filter values (e.g. \"dangling=true\")"),
    {0, "format", OPTION_TEXT, offsetof(T, format), "string", FORMAT_HELP},
    {'q', "quiet", OPTION_FLAG, offsetof(T, quiet), NULL, "Only display volume names"},
    {},
};
static const Option remove_options[] = {
    {'f', "force", OPTION_FLAG, offsetof(T, force), NULL,
        "Force the removal of one or more volumes"},
    {},
};
#undef T

const Command command_volume_create = {
    .arguments = "[OPTIONS] [VOLUME]",
    .summary = "Create a volume",
    .more =
        "Without a name the volume is anonymous: it gets one of 64 hexadecimal digits. One that "
        "exists already is left as it is.\n\n"
        "Options (--opt NAME=VALUE): size=BYTES bounds what it takes on the disk, where the "
        "file system of the engine's root has project quotas (ext4 and XFS) or is btrfs. type, "
        "device and o are what mount(8) takes, for a volume that lies elsewhere: it is mounted "
        "when the first container that uses it starts, and unmounted when the last has ended. "
        "type=none with o=bind is a directory of this machine.\n\n"
        "    tare volume create --opt size=10g data\n"
        "    tare volume create --opt type=tmpfs --opt device=tmpfs --opt o=size=64m fast\n"
        "    tare volume create --opt type=nfs --opt device=:/export --opt "
        "o=addr=192.0.2.1,nfsvers=4 shared\n"
        "    tare volume create --opt type=none --opt device=/srv/data --opt o=bind here",
    .options = create_options,
    .options_size = sizeof(VolumeOptions),
    .max = 1,
    .run = run_create,
};

const Command command_volume_ls = {
    .arguments = "[OPTIONS]",
    .summary = "List volumes",
    .more = "Filters: dangling=true|false (no container uses it), driver=NAME, label=NAME[=VALUE], "
            "name=EXPRESSION.\n\n"
            "Fields of templates: .Availability, .Driver, .Group, .Labels, .Links, .Mountpoint, "
            ".Name, .Scope, .Size, .Status; .Links and .Size are known to `tare system df -v` "
            "only.",
    .options = list_options,
    .options_size = sizeof(VolumeOptions),
    .run = run_list,
};

const Command command_volume_rm = {
    .arguments = "[OPTIONS] VOLUME [VOLUME...]",
    .summary = "Remove one or more volumes",
    .more = "A volume that a container uses, running or not, cannot be removed.",
    .options = remove_options,
    .options_size = sizeof(VolumeOptions),
    .min = 1,
    .max = -1,
    .run = run_remove,
};
