// SPDX-License-Identifier: Apache-2.0
#include "cli/container_fields.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "cli/human.h"
#include "cli/quote.h"
#include "cli/table.h"

enum {
    COMMAND_WIDTH = 20,
    MOUNT_WIDTH = 15,
    ID_WIDTH = 12
};
typedef Tare__V1__ContainerSummary Summary;

static char *command(const void *item, const FormatView *view) {
    const Summary *container = item;
    autodone(Text) joined = {};
    for (size_t i = 0; i < container->n_command; i++) {
        const char *mark = i && strchr(container->command[i], ' ') ? "'" : "";
        text_append_format(&joined, "%s%s%s%s", i ? " " : "", mark, container->command[i], mark);
    }
    const char *text = joined.data ? joined.data : "";
    autofree char *shown = view->whole ? text_copy(text) : text_ellipsis(text, COMMAND_WIDTH);
    return quote(shown);
}

static char *created_at(const void *item, const FormatView *view) {
    (void)view;
    char date[HUMAN_SIZE];
    return text_copy(human_date(((const Summary *)item)->created, date));
}

static char *id(const void *item, const FormatView *view) {
    const char *text = ((const Summary *)item)->id;
    return text_copy_n(text, strnlen(text, view->whole ? strlen(text) : ID_WIDTH));
}

static char *image(const void *item, const FormatView *view) {
    (void)view;
    return text_copy(((const Summary *)item)->image);
}

static char *labels(const void *item, const FormatView *view) {
    (void)view;
    const Summary *container = item;
    return format_list(container->labels, container->n_labels);
}

static char *label(const void *item, const char *name) {
    const Summary *container = item;
    return format_value(container->labels, container->n_labels, name);
}

/* Host paths are no volumes. */
static char *local_volumes(const void *item, const FormatView *view) {
    (void)view;
    const Summary *container = item;
    size_t n = 0;
    for (size_t i = 0; i < container->n_mounts; i++)
        n += *container->mounts[i] != '/';
    return text_format("%zu", n);
}

static char *mounts(const void *item, const FormatView *view) {
    const Summary *container = item;
    Text out = {};
    for (size_t i = 0; i < container->n_mounts; i++) {
        autofree char *mount = view->whole ? text_copy(container->mounts[i])
                                           : text_ellipsis(container->mounts[i], MOUNT_WIDTH);
        text_append_format(&out, "%s%s", i ? "," : "", mount);
    }
    return text_take(&out);
}

static char *names(const void *item, const FormatView *view) {
    (void)view;
    return text_copy(((const Summary *)item)->name);
}

static char *networks(const void *item, const FormatView *view) {
    (void)view;
    const Summary *container = item;
    return format_list(container->networks, container->n_networks);
}

static char *platform(const void *item, const FormatView *view) {
    (void)view;
    return text_copy(((const Summary *)item)->platform);
}

/* Exposed ones first, then published ones, each by number: "443/tcp, 0.0.0.0:8080->80/tcp". */
static int compare_ports(const void *a, const void *b) {
    const Tare__V1__PortMapping *left = *(Tare__V1__PortMapping *const *)a;
    const Tare__V1__PortMapping *right = *(Tare__V1__PortMapping *const *)b;
    if (!left->host_port != !right->host_port)
        return left->host_port ? 1 : -1;
    if (left->container_port != right->container_port)
        return left->container_port < right->container_port ? -1 : 1;
    return left->host_port < right->host_port ? -1 : left->host_port > right->host_port;
}

static char *ports(const void *item, const FormatView *view) {
    (void)view;
    const Summary *container = item;
    Text text = {};
    if (container->n_ports)
        qsort(container->ports, container->n_ports, sizeof *container->ports, compare_ports);
    for (size_t i = 0; i < container->n_ports; i++) {
        const Tare__V1__PortMapping *port = container->ports[i];
        text_append(&text, i ? ", " : "");
        if (port->host_port) {
            const char *ip = *port->host_ip ? port->host_ip : "0.0.0.0";
            bool six = strchr(ip, ':') != NULL;
            text_append_format(
                &text, "%s%s%s:%u->", six ? "[" : "", ip, six ? "]" : "", port->host_port);
        }
        text_append_format(
            &text, "%u/%s", port->container_port, *port->protocol ? port->protocol : "tcp");
    }
    return text_take(&text);
}

static char *running_for(const void *item, const FormatView *view) {
    char age[HUMAN_SIZE];
    return text_format("%s ago", human_duration(view->now - ((const Summary *)item)->created, age));
}

static char *size(const void *item, const FormatView *view) {
    (void)view;
    const Summary *container = item;
    char own[HUMAN_SIZE], all[HUMAN_SIZE];
    const char *shown = human_size(container->size_rw, own);
    if (container->size_root_fs <= 0)
        return text_copy(shown);
    return text_format("%s (virtual %s)", shown, human_size(container->size_root_fs, all));
}

static char *state(const void *item, const FormatView *view) {
    (void)view;
    return text_copy(((const Summary *)item)->state);
}

static char *status(const void *item, const FormatView *view) {
    (void)view;
    return text_copy(((const Summary *)item)->status);
}

static const FormatField fields[] = {
    {"Command", "COMMAND", command},
    {"CreatedAt", "CREATED AT", created_at},
    {"ID", "CONTAINER ID", id},
    {"Image", "IMAGE", image},
    {"Labels", "LABELS", labels},
    {"LocalVolumes", "LOCAL VOLUMES", local_volumes},
    {"Mounts", "MOUNTS", mounts},
    {"Names", "NAMES", names},
    {"Networks", "NETWORKS", networks},
    {"Platform", "PLATFORM", platform},
    {"Ports", "PORTS", ports},
    {"RunningFor", "CREATED", running_for},
    {"Size", "SIZE", size},
    {"State", "STATE", state},
    {"Status", "STATUS", status},
    {},
};

const FormatNoun container_noun = {
    .type = "*formatter.ContainerContext",
    .table = "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t"
             "{{.Names}}",
    .quiet = "{{.ID}}",
    .raw = "container_id: {{.ID}}\nimage: {{.Image}}\ncommand: {{.Command}}\n"
           "created_at: {{.CreatedAt}}\nstate: {{- pad .State 1 0}}\n"
           "status: {{- pad .Status 1 0}}\nnames: {{.Names}}\nlabels: {{- pad .Labels 1 0}}\n"
           "ports: {{- pad .Ports 1 0}}\n",
    .fields = fields,
    .label = label,
};
