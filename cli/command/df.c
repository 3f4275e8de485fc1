// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdio.h>

#include "base/memory.h"
#include "base/text.h"
#include "cli/client.h"
#include "cli/command/command.h"
#include "cli/container_fields.h"
#include "cli/human.h"
#include "cli/image_fields.h"
#include "cli/volume_fields.h"
#include "proto/tare/v1/system.pb-c.h"

enum {
    DOCKERS_ROWS = 4
};

typedef struct DfOptions {
    const char *format;
    bool verbose;
} DfOptions;

/* One kind of things that take space. */
typedef struct Row {
    const char *type;
    size_t total, active;
    int64_t size, reclaimable;
} Row;

static char *active(const void *item, const FormatView *view) {
    (void)view;
    return text_format("%zu", ((const Row *)item)->active);
}

static char *reclaimable(const void *item, const FormatView *view) {
    (void)view;
    const Row *row = item;
    char size[HUMAN_SIZE];
    const char *text = human_usage(row->reclaimable, size);
    return row->size > 0 ? text_format("%s (%lld%%)", text,
                               (long long)(100.0 * (double)row->reclaimable / (double)row->size))
                         : text_copy(text);
}

static char *size(const void *item, const FormatView *view) {
    (void)view;
    char text[HUMAN_SIZE];
    return text_copy(human_usage(((const Row *)item)->size, text));
}

static char *total(const void *item, const FormatView *view) {
    (void)view;
    return text_format("%zu", ((const Row *)item)->total);
}

static char *type(const void *item, const FormatView *view) {
    (void)view;
    return text_copy(((const Row *)item)->type);
}

static const FormatField fields[] = {
    {"Active", "ACTIVE", active},
    {"Reclaimable", "RECLAIMABLE", reclaimable},
    {"Size", "SIZE", size},
    {"TotalCount", "TOTAL", total},
    {"Type", "TYPE", type},
    {},
};

static const FormatNoun usage_noun = {
    .type = "*formatter.diskUsageContext",
    .table = "{{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}",
    .raw = "type: {{.Type}}\ntotal: {{.TotalCount}}\nactive: {{.Active}}\nsize: {{.Size}}\n"
           "reclaimable: {{.Reclaimable}}\n",
    .fields = fields,
};

/* What images in use need for themselves stays, whatever is removed. */
static Row count_images(const Tare__V1__DiskUsageResponse *usage) {
    Row row = {.type = "Images", .total = usage->n_images};
    int64_t used = 0;
    for (size_t i = 0; i < usage->n_images; i++) {
        const Tare__V1__ImageSummary *image = usage->images[i];
        row.active += image->containers > 0;
        if (image->containers > 0)
            used += image->size - image->shared_size;
    }
    row.size = usage->layers_size + usage->content_size;
    row.reclaimable = row.size > used ? row.size - used : 0;
    return row;
}

static bool is_active(const Tare__V1__ContainerSummary *container) {
    return text_equal(container->state, "running") || text_equal(container->state, "paused") ||
           text_equal(container->state, "restarting");
}

static Row count_containers(const Tare__V1__DiskUsageResponse *usage) {
    Row row = {.type = "Containers", .total = usage->n_containers, .size = usage->containers_size};
    for (size_t i = 0; i < usage->n_containers; i++) {
        const Tare__V1__ContainerSummary *container = usage->containers[i];
        if (is_active(container))
            row.active++;
        else
            row.reclaimable += container->size_rw;
    }
    return row;
}

/* Nobody's: no container is left that wants it. */
static Row count_volumes(const Tare__V1__DiskUsageResponse *usage) {
    Row row = {.type = "Local Volumes", .total = usage->n_volumes, .size = usage->volumes_size};
    for (size_t i = 0; i < usage->n_volumes; i++) {
        row.active += usage->volumes[i]->links > 0;
        row.reclaimable += usage->volumes[i]->links > 0 ? 0 : usage->volumes[i]->size;
    }
    return row;
}

static int print_brief(
    const Tare__V1__DiskUsageResponse *usage, const DfOptions *options, Error *err) {
    autoptr(Format) format = NULL;
    /* After Docker's rows what else is on the disk, so that the sum is all of it. */
    const Row rows[] = {count_images(usage), count_containers(usage), count_volumes(usage),
        {.type = "Build Cache"}, {.type = "Client Snapshots", .size = usage->clients_size},
        {.type = "Other", .size = usage->other_size}};
    TRY(format_open(&usage_noun, &(FormatOptions){.format = options->format}, &format, err));
    for (size_t i = 0; i < array_size(rows); i++)
        if (i < DOCKERS_ROWS || rows[i].size)
            TRY(format_add(format, &rows[i], err));
    return format_print(format, stdout, err);
}

static int add_images(const Tare__V1__DiskUsageResponse *usage, Format *format, Error *err) {
    for (size_t i = 0; i < usage->n_images; i++)
        TRY(image_rows_add(format, usage->images[i], false, err));
    return 0;
}

static int add_containers(const Tare__V1__DiskUsageResponse *usage, Format *format, Error *err) {
    for (size_t i = 0; i < usage->n_containers; i++) {
        usage->containers[i]->size_root_fs = 0; // the image's part is with the images
        TRY(format_add(format, usage->containers[i], err));
    }
    return 0;
}

static int add_volumes(const Tare__V1__DiskUsageResponse *usage, Format *format, Error *err) {
    for (size_t i = 0; i < usage->n_volumes; i++)
        TRY(format_add(format, usage->volumes[i], err));
    return 0;
}

/* What --verbose tells one by one. */
static const struct {
    const char *name, *title, *table;
    const FormatNoun *noun;
    int (*add)(const Tare__V1__DiskUsageResponse *usage, Format *format, Error *err);
} parts[] = {
    {"Images", "Images space usage:\n\n",
        "table {{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}\t{{.SharedSize}}\t"
        "{{.UniqueSize}}\t{{.Containers}}",
        &image_noun, add_images},
    {"Containers", "\nContainers space usage:\n\n",
        "table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.LocalVolumes}}\t{{.Size}}\t{{.RunningFor}}\t"
        "{{.Status}}\t{{.Names}}",
        &container_noun, add_containers},
    {"Volumes", "\nLocal Volumes space usage:\n\n", "table {{.Name}}\t{{.Links}}\t{{.Size}}",
        &volume_noun, add_volumes},
};

static int print_part(const Tare__V1__DiskUsageResponse *usage, size_t part, const char *how,
    bool whole, FILE *out, Error *err) {
    autoptr(Format) format = NULL;
    const FormatOptions view = {.format = how, .whole = whole};
    TRY(format_open(parts[part].noun, &view, &format, err));
    TRY(parts[part].add(usage, format, err));
    return format_print(format, out, err);
}

static int print_verbose(const Tare__V1__DiskUsageResponse *usage, Error *err) {
    for (size_t i = 0; i < array_size(parts); i++) {
        printf("%s", parts[i].title);
        TRY(print_part(usage, i, parts[i].table, false, stdout, err));
    }
    printf("\nBuild cache usage: 0B\n\n"
           "CACHE ID   CACHE TYPE   SIZE      CREATED   LAST USED   USAGE     SHARED\n");
    return 0;
}

/* The lines that `--format json` gives of a part, as an array. */
static int append_part(
    const Tare__V1__DiskUsageResponse *usage, size_t part, Text *json, Error *err) {
    autofree char *lines = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&lines, &n);
    if (!out)
        return error_set_errno(err, errno, "cannot collect the rows");
    int code = print_part(usage, part, "json", true, out, err);
    fclose(out);
    TRY(code);
    text_append_format(json, "\"%s\":[", parts[part].name);
    for (size_t i = 0; i + 1 < n; i++)
        text_append_char(json, lines[i] == '\n' ? ',' : lines[i]);
    text_append(json, "],");
    return 0;
}

static int print_document(
    const Tare__V1__DiskUsageResponse *usage, const char *format, Error *err) {
    autodone(Text) json = {};
    text_append_char(&json, '{');
    for (size_t i = 0; i < array_size(parts); i++)
        TRY(append_part(usage, i, &json, err));
    text_append(&json, "\"BuildCache\":[]}");
    return format_document(json.data, format, stdout, err);
}

static int print(const Tare__V1__DiskUsageResponse *usage, const DfOptions *options, Error *err) {
    if (!options->verbose)
        return print_brief(usage, options, err);
    if (text_is_empty(options->format) || text_equal(options->format, "table"))
        return print_verbose(usage, err);
    return print_document(usage, options->format, err);
}

static int show(Cli *cli, const DfOptions *options, Error *err) {
    Client *client = NULL;
    Tare__V1__DiskUsageRequest request = TARE__V1__DISK_USAGE_REQUEST__INIT;
    autoreply Tare__V1__DiskUsageResponse *usage = NULL;
    TRY(cli_client(cli, &client, err));
    TRY(client_call(client, &tare__v1__system__descriptor, "DiskUsage", &request, &usage, err));
    return print(usage, options, err);
}

static int run(Cli *cli, const void *values, int argc, char **argv) {
    (void)argc;
    (void)argv;
    Error err = {};
    return show(cli, values, &err) < 0 ? cli_report(cli, &err) : 0;
}

#define T DfOptions
static const Option options[] = {
    {0, "format", OPTION_TEXT, offsetof(T, format), "string", FORMAT_HELP},
    {'v', "verbose", OPTION_FLAG, offsetof(T, verbose), NULL,
        "Show detailed information on space usage"},
    {},
};
#undef T

const Command command_system_df = {
    .arguments = "[OPTIONS]",
    .summary = "Show disk usage",
    .more =
        "Sizes are what the disk holds, as du counts it. Images are their unpacked layers, each "
        "once, and the blobs that they came as; containers are what they wrote, and their "
        "logs; volumes are what lies in directories of the engine's. Client Snapshots are those of containerd's clients, Other is the engine's "
        "database and what is being made or removed.\n\n"
        "Fields of templates: .Active, .Reclaimable, .Size, .TotalCount, .Type. With --verbose a template is for all at once: the lists .Images, .Containers, .Volumes and .BuildCache, whose elements have the fields of tare images, tare ps -s and tare volume ls.",
    .options = options,
    .options_size = sizeof(DfOptions),
    .run = run,
};
