// SPDX-License-Identifier: Apache-2.0
#include "cli/volume_fields.h"

#include "base/text.h"
#include "cli/human.h"

typedef Tare__V1__Volume Volume;

static char *availability(const void *item, const FormatView *view) {
    (void)item;
    (void)view;
    return text_copy("N/A"); // of clusters' volumes, as are group and status
}

static char *driver(const void *item, const FormatView *view) {
    (void)view;
    return text_copy(((const Volume *)item)->driver);
}

static char *labels(const void *item, const FormatView *view) {
    (void)view;
    const Volume *volume = item;
    return format_list(volume->labels, volume->n_labels);
}

static char *label(const void *item, const char *name) {
    const Volume *volume = item;
    return format_value(volume->labels, volume->n_labels, name);
}

/* Counted only for `system df`. */
static char *links(const void *item, const FormatView *view) {
    (void)view;
    const Volume *volume = item;
    return volume->size > 0 ? text_format("%lld", (long long)volume->links) : text_copy("N/A");
}

static char *mountpoint(const void *item, const FormatView *view) {
    (void)view;
    return text_copy(((const Volume *)item)->mountpoint);
}

static char *name(const void *item, const FormatView *view) {
    (void)view;
    return text_copy(((const Volume *)item)->name);
}

static char *scope(const void *item, const FormatView *view) {
    (void)item;
    (void)view;
    return text_copy("local");
}

static char *size(const void *item, const FormatView *view) {
    (void)view;
    const Volume *volume = item;
    char text[HUMAN_SIZE];
    return text_copy(volume->size > 0 ? human_usage(volume->size, text) : "N/A");
}

static const FormatField fields[] = {
    {"Availability", "AVAILABILITY", availability},
    {"Driver", "DRIVER", driver},
    {"Group", "GROUP", availability},
    {"Labels", "LABELS", labels},
    {"Links", "LINKS", links},
    {"Mountpoint", "MOUNTPOINT", mountpoint},
    {"Name", "VOLUME NAME", name},
    {"Scope", "SCOPE", scope},
    {"Size", "SIZE", size},
    {"Status", "STATUS", availability},
    {},
};

const FormatNoun volume_noun = {
    .type = "*formatter.volumeContext",
    .table = "{{.Driver}}\t{{.Name}}",
    .quiet = "{{.Name}}",
    .raw = "name: {{.Name}}\ndriver: {{.Driver}}\n",
    .fields = fields,
    .label = label,
};
