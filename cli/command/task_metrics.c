// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "cli/noun.h"
#include "cli/table.h"
#include "proto/containerd/cgroups/v1.pb-c.h"
#include "proto/containerd/cgroups/v2.pb-c.h"
#include "proto/containerd/services/tasks.pb-c.h"

/* tare task metrics: what a task's cgroup counts, by the names that containerd's messages have. */
static void add_message(Table *table, const char *prefix, const ProtobufCMessage *message);

static void add_value(
    Table *table, const char *name, const ProtobufCFieldDescriptor *field, const void *value) {
    if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        if (*(ProtobufCMessage *const *)value)
            add_message(table, name, *(ProtobufCMessage *const *)value);
        return;
    }
    autofree char *text =
        field->type == PROTOBUF_C_TYPE_UINT64   ? text_format("%" PRIu64, *(const uint64_t *)value)
        : field->type == PROTOBUF_C_TYPE_UINT32 ? text_format("%" PRIu32, *(const uint32_t *)value)
        : field->type == PROTOBUF_C_TYPE_DOUBLE ? text_format("%g", *(const double *)value)
        : field->type == PROTOBUF_C_TYPE_STRING ? text_copy(*(char *const *)value)
                                                : NULL;
    if (!text)
        return; /* these messages have no others */
    table_add(table, name);
    table_add(table, text);
}

static size_t size_of(const ProtobufCFieldDescriptor *field) {
    return field->type == PROTOBUF_C_TYPE_UINT32 ? sizeof(uint32_t) : sizeof(uint64_t);
}
_Static_assert(sizeof(void *) == sizeof(uint64_t), "arrays of pointers are arrays of this size");

static void add_message(Table *table, const char *prefix, const ProtobufCMessage *message) {
    const char *bytes = (const char *)message;
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        autofree char *name = text_format("%s%s%s", prefix, *prefix ? "." : "", field->name);
        const void *member = bytes + field->offset;
        if (field->label != PROTOBUF_C_LABEL_REPEATED) {
            add_value(table, name, field, member);
            continue;
        }
        size_t n = *(const size_t *)(const void *)(bytes + field->quantifier_offset);
        const char *array = *(char *const *)member;
        for (size_t j = 0; j < n; j++) {
            autofree char *element = text_format("%s.%zu", name, j);
            add_value(table, element, field, array + j * size_of(field));
        }
    }
}

static int print(const Containerd__Types__Metric *metric, Error *err) {
    static const ProtobufCMessageDescriptor *const types[] = {
        &io__containerd__cgroups__v1__metrics__descriptor,
        &io__containerd__cgroups__v2__metrics__descriptor,
    };
    const Google__Protobuf__Any *data = metric->data;
    for (size_t i = 0; data && i < array_size(types); i++) {
        if (!text_ends(data->type_url, types[i]->name))
            continue;
        ProtobufCMessage *message =
            protobuf_c_message_unpack(types[i], NULL, data->value.len, data->value.data);
        if (!message)
            break;
        autodone(Table) table = {.columns = 2};
        table_add(&table, "METRIC");
        table_add(&table, "VALUE");
        add_message(&table, "", message);
        table_print(&table, stdout);
        protobuf_c_message_free_unpacked(message, NULL);
        return 0;
    }
    return error_set(err, ERROR_UNSUPPORTED, "metrics of task %s are of an unknown kind: %s",
        metric->id, data ? data->type_url : "none");
}

static int metrics(Client *client, const char *id, void *data, Error *err) {
    (void)data;
    autofree char *filter = text_format("id==%s", id);
    autoreply Containerd__Tasks__MetricsResponse *reply = NULL;
    Containerd__Tasks__MetricsRequest request;
    containerd__tasks__metrics_request__init(&request);
    request.filters = &filter;
    request.n_filters = 1;
    TRY(client_call(
        client, &containerd__tasks__tasks__descriptor, "Metrics", &request, &reply, err));
    if (reply->n_metrics == 0)
        return error_set(err, ERROR_NOT_FOUND, "metrics of task %s: not found", id);
    return print(reply->metrics[0], err);
}

static int run(Cli *cli, const void *values, int argc, char **argv) {
    return noun_each(cli, values, argc, argv, metrics);
}

static const Option options[] = {NOUN_SPACE, {}};

const Command command_task_metrics = {
    .arguments = "[OPTIONS] TASK",
    .summary = "Show what a task's cgroup counts",
    .options = options,
    .options_size = sizeof(NounOptions),
    .min = 1,
    .max = 1,
    .run = run,
};
