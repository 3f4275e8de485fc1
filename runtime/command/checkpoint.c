// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "base/log.h"
#include "runtime/command/criu.h"

typedef struct CheckpointArguments {
    SharedCriuOptions shared;
    const char *parent_path, *page_server;
    OptionInt status_fd;
    bool leave_running, pre_dump, tcp_skip_in_flight, link_remap;
} CheckpointArguments;

#define T CheckpointArguments
static const Option options[] = {SHARED_CRIU_OPTIONS,
    {0, "leave-running", OPTION_FLAG, offsetof(T, leave_running), NULL,
        "let the container go on afterwards"},
    {0, "pre-dump", OPTION_FLAG, offsetof(T, pre_dump), NULL,
        "only the memory; the container goes on"},
    {0, "parent-path", OPTION_TEXT, offsetof(T, parent_path), "directory",
        "an earlier pre-dump to build on, relative to the images"},
    {0, "tcp-skip-in-flight", OPTION_FLAG, offsetof(T, tcp_skip_in_flight), NULL,
        "without TCP connections that are being made"},
    {0, "link-remap", OPTION_FLAG, offsetof(T, link_remap), NULL,
        "link files that are open but unlinked back for the time"},
    {0, "page-server", OPTION_TEXT, offsetof(T, page_server), "address:port",
        "send memory there instead of to images"},
    {0, "status-fd", OPTION_INT, offsetof(T, status_fd), "number",
        "descriptor that gets a zero byte when lazy pages can be had"},
    {}};
#undef T

/* "address:port", "[::1]:port" */
static int parse_page_server(const char *text, char **ret_address, int *ret_port, Error *err) {
    const char *colon = text ? strrchr(text, ':') : NULL;
    uint64_t port;
    if (text_is_empty(text))
        return 0;
    bool brackets = *text == '[' && colon && colon > text + 1 && colon[-1] == ']';
    size_t n = colon ? (size_t)(colon - text) - (brackets ? 2 : 0) : 0;
    if (!n || !colon[1] || (!brackets && memchr(text, ':', n)))
        return error_set(
            err, ERROR_INVALID, "Use --page-server ADDRESS:PORT to specify page server");
    if (text_parse_uint(colon + 1, "port", &port, err) < 0 || port > UINT16_MAX)
        return error_set(err, ERROR_INVALID, "Invalid port number");
    *ret_address = text_copy_n(brackets ? text + 1 : text, n);
    *ret_port = (int)port;
    return 0;
}

static int checkpoint(Container *container, const CheckpointArguments *parsed,
    CheckpointOptions *wanted, Error *err) {
    autofree char *address = NULL;
    CriuOptions *criu = &wanted->criu;
    TRY(parse_page_server(parsed->page_server, &address, &criu->page_server_port, err));
    criu->page_server_address = address;
    criu->leave_running = parsed->leave_running;
    criu->tcp_skip_in_flight = parsed->tcp_skip_in_flight;
    criu->link_remap = parsed->link_remap;
    wanted->pre_dump = parsed->pre_dump;
    wanted->parent = parsed->parent_path;
    if (parsed->status_fd.set)
        wanted->status_fd = (int)parsed->status_fd.value;
    return container_checkpoint(container, wanted, err);
}

static int freeze(const Subject *subject, Error *err) {
    autodone(CheckpointOptions) wanted = {.images = IMAGES_INIT};
    const CheckpointArguments *parsed = subject->options;
    TRY(criu_shared_options(&parsed->shared, "dump.log", true, &wanted, err));
    TRY(checkpoint(subject->container, parsed, &wanted, err));
    if (parsed->leave_running || parsed->pre_dump)
        return 0;
    /* its processes are gone, and it is in the images now */
    Error left;
    if (container_destroy(subject->container, NULL, &left) < 0)
        log_failure(LOG_LEVEL_WARNING, &left);
    return 0;
}

const Command command_checkpoint = {"checkpoint", "ID",
    "freeze a running container into image files", NULL, options, freeze,
    sizeof(CheckpointArguments)};
