// SPDX-License-Identifier: Apache-2.0
#include "runtime/checkpoint/request.h"

#include <stddef.h>
#include <string.h>

#include "base/memory.h"
#include "runtime/checkpoint/wire.h"

/* Field numbers of the messages. A request: */
enum {
    REQUEST_TYPE = 1,
    REQUEST_OPTIONS = 2,
    REQUEST_NOTIFY_SUCCESS = 3,
    REQUEST_KEEP_OPEN = 4,
    REQUEST_FEATURES = 5
};

/* Its options, those that are more than a number or a text: */
enum {
    OPTIONS_PAGE_SERVER = 11,
    OPTIONS_MOUNT = 23,
    OPTIONS_CGROUP_ROOT = 25,
    OPTIONS_INHERIT = 27,
    OPTIONS_CGROUP_MODE = 34,
    OPTIONS_EXTERNAL = 37,
    OPTIONS_JOIN = 39,
    OPTIONS_CGROUP_HIERARCHY = 43
};

typedef enum RowKind {
    ROW_FD,     /* int; -1 is left out */
    ROW_NUMBER, /* int; 0 is left out */
    ROW_FLAG,
    ROW_TEXT
} RowKind;

typedef struct Row {
    unsigned field;
    RowKind kind;
    size_t offset;
} Row;

#define AT(member) offsetof(CriuOptions, member)
static const Row rows[] = {
    {1, ROW_FD, AT(images_dir)},
    {2, ROW_NUMBER, AT(pid)},
    {3, ROW_FLAG, AT(leave_running)},
    {4, ROW_FLAG, AT(ext_unix_sockets)},
    {5, ROW_FLAG, AT(tcp_established)},
    {6, ROW_FLAG, AT(evasive_devices)},
    {7, ROW_FLAG, AT(shell_job)},
    {8, ROW_FLAG, AT(file_locks)},
    {9, ROW_NUMBER, AT(log_level)},
    {10, ROW_TEXT, AT(log_file)},
    {12, ROW_FLAG, AT(notify)},
    {13, ROW_TEXT, AT(root)},
    {14, ROW_TEXT, AT(parent)},
    {15, ROW_FLAG, AT(track_memory)},
    {16, ROW_FLAG, AT(auto_dedup)},
    {17, ROW_FD, AT(work_dir)},
    {18, ROW_FLAG, AT(link_remap)},
    {24, ROW_FLAG, AT(manage_cgroups)},
    {26, ROW_FLAG, AT(restore_sibling)},
    {38, ROW_NUMBER, AT(empty_namespaces)},
    {44, ROW_TEXT, AT(freeze_cgroup)},
    {46, ROW_FLAG, AT(tcp_skip_in_flight)},
    {48, ROW_FLAG, AT(lazy_pages)},
    {50, ROW_FLAG, AT(orphan_terminal_master)},
    {51, ROW_TEXT, AT(config_file)},
    {52, ROW_FLAG, AT(tcp_close)},
    {53, ROW_TEXT, AT(lsm_profile)},
    {63, ROW_TEXT, AT(lsm_mount_context)},
};

static void put_row(Text *out, const Row *row, const CriuOptions *options) {
    const void *at = (const char *)options + row->offset;
    int number = 0;
    switch (row->kind) {
    case ROW_FD:
        number = *(const int *)at;
        if (number >= 0)
            wire_put_number(out, row->field, number);
        break;
    case ROW_NUMBER:
        number = *(const int *)at;
        if (number)
            wire_put_number(out, row->field, number);
        break;
    case ROW_FLAG:
        if (*(const bool *)at)
            wire_put_number(out, row->field, 1);
        break;
    case ROW_TEXT:
        if (*(const char *const *)at)
            wire_put_text(out, row->field, *(const char *const *)at);
        break;
    }
}

/* Mount mappings, cgroup roots and namespaces to join are all messages of two texts. */
static void put_map(Text *out, unsigned field, const JsonMap *map) {
    for (size_t i = 0; i < map->n; i++) {
        autodone(Text) pair = {};
        wire_put_text(&pair, 1, map->key[i]);
        wire_put_text(&pair, 2, map->value[i]);
        wire_put_bytes(out, field, pair.data, pair.length);
    }
}

static void put_texts(Text *out, unsigned field, const JsonTexts *texts) {
    for (size_t i = 0; i < texts->n; i++)
        wire_put_text(out, field, texts->item[i]);
}

static void put_inherited(Text *out, const CriuInherit *inherit) {
    autodone(Text) message = {};
    wire_put_text(&message, 1, inherit->key);
    wire_put_number(&message, 2, inherit->fd);
    wire_put_bytes(out, OPTIONS_INHERIT, message.data, message.length);
}

static void put_page_server(Text *out, const CriuOptions *options) {
    autodone(Text) message = {};
    wire_put_text(&message, 1, options->page_server_address);
    wire_put_number(&message, 2, options->page_server_port);
    wire_put_bytes(out, OPTIONS_PAGE_SERVER, message.data, message.length);
}

void request_encode(CriuType type, const CriuOptions *options, Text *ret) {
    autodone(Text) message = {};
    for (size_t i = 0; i < array_size(rows); i++)
        put_row(&message, &rows[i], options);
    wire_put_number(&message, OPTIONS_CGROUP_MODE, options->cgroup_mode);
    put_map(&message, OPTIONS_MOUNT, &options->mounts);
    put_map(&message, OPTIONS_CGROUP_ROOT, &options->cgroup_roots);
    put_map(&message, OPTIONS_JOIN, &options->join);
    put_texts(&message, OPTIONS_EXTERNAL, &options->external);
    put_texts(&message, OPTIONS_CGROUP_HIERARCHY, &options->cgroup_hierarchies);
    for (size_t i = 0; i < options->inherit_n; i++)
        put_inherited(&message, &options->inherit[i]);
    if (options->page_server_address)
        put_page_server(&message, options);
    wire_put_number(ret, REQUEST_TYPE, type);
    wire_put_bytes(ret, REQUEST_OPTIONS, message.data, message.length);
}

void request_encode_version(Text *ret) {
    wire_put_number(ret, REQUEST_TYPE, CRIU_VERSION);
    wire_put_number(ret, REQUEST_KEEP_OPEN, 1);
}

void request_encode_features(Text *ret) {
    autodone(Text) features = {};
    wire_put_number(&features, 1, 1); /* memory tracking */
    wire_put_number(&features, 2, 1); /* lazy pages */
    wire_put_number(ret, REQUEST_TYPE, CRIU_FEATURE_CHECK);
    wire_put_number(ret, REQUEST_KEEP_OPEN, 1);
    wire_put_bytes(ret, REQUEST_FEATURES, features.data, features.length);
}

void request_encode_notified(bool success, Text *ret) {
    wire_put_number(ret, REQUEST_TYPE, CRIU_NOTIFY);
    wire_put_number(ret, REQUEST_NOTIFY_SUCCESS, success);
}

void criu_options_inherit(CriuOptions *options, const char *key, int fd) {
    CriuInherit inherit = {.key = text_copy(key), .fd = fd};
    array_append(options->inherit, options->inherit_n, inherit);
}

void criu_options_done(CriuOptions *options) {
    json_map_done(&options->mounts);
    json_map_done(&options->cgroup_roots);
    json_map_done(&options->join);
    json_texts_done(&options->external);
    json_texts_done(&options->cgroup_hierarchies);
    for (size_t i = 0; i < options->inherit_n; i++)
        free(options->inherit[i].key);
    free(options->inherit);
    options->inherit = NULL;
    options->inherit_n = 0;
}

int criu_cgroup_mode_parse(const char *word, CriuCgroupMode *ret, Error *err) {
    static const struct {
        const char *word;
        CriuCgroupMode mode;
    } modes[] = {
        {"", CRIU_CGROUP_DEFAULT},
        {"soft", CRIU_CGROUP_SOFT},
        {"full", CRIU_CGROUP_FULL},
        {"strict", CRIU_CGROUP_STRICT},
        {"ignore", CRIU_CGROUP_IGNORE},
    };
    for (size_t i = 0; i < array_size(modes); i++)
        if (strcmp(word ? word : "", modes[i].word) == 0)
            return *ret = modes[i].mode, 0;
    return error_set(err, ERROR_INVALID,
        "invalid manage-cgroups-mode value: \"%s\" (expected soft, full, strict or ignore)", word);
}
