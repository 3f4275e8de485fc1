// SPDX-License-Identifier: Apache-2.0
#include "engine/container/logs.h"

#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/api/tare/containers.h"
#include "engine/api/tare/services.h"

enum {
    BATCH_BYTES = 64 * 1024,
    BATCH_ENTRIES = 1024,
};

/* Lines that wait for one message: a message a line would cost more than the reading. */
typedef struct Batch {
    RpcCall *call;
    bool joined;
    Text bytes, details;
    size_t n;
    Tare__V1__LogsEntry entries[BATCH_ENTRIES];
    size_t data_at[BATCH_ENTRIES], details_at[BATCH_ENTRIES];
} Batch;

static int send_batch(Batch *batch, Error *err) {
    Tare__V1__LogsResponse response = TARE__V1__LOGS_RESPONSE__INIT;
    Tare__V1__LogsEntry *entries[BATCH_ENTRIES];
    if (batch->n == 0)
        return 0;
    for (size_t i = 0; i < batch->n; i++) {
        entries[i] = &batch->entries[i];
        entries[i]->data.data = (uint8_t *)batch->bytes.data + batch->data_at[i];
        entries[i]->details = batch->details.data + batch->details_at[i];
    }
    response.entries = entries;
    response.n_entries = batch->n;
    int r = rpc_call_send(batch->call, &response.base, err);
    batch->n = 0;
    text_clear(&batch->bytes);
    text_clear(&batch->details);
    return r;
}

/* A line for itself costs each side more than its bytes do. */
static bool join(Batch *batch, const OutputLine *line, const char *bytes, size_t n) {
    Tare__V1__LogsEntry *last = batch->n ? &batch->entries[batch->n - 1] : NULL;
    if (!batch->joined || !last || last->stderr != line->is_stderr)
        return false;
    last->data.len += n;
    text_append_bytes(&batch->bytes, bytes, n);
    return true;
}

static void add(Batch *batch, const OutputLine *line, const char *bytes, size_t n) {
    if (join(batch, line, bytes, n))
        return;
    Tare__V1__LogsEntry *entry = &batch->entries[batch->n];
    tare__v1__logs_entry__init(entry);
    entry->data.len = n;
    entry->stderr = line->is_stderr;
    entry->time = line->time;
    batch->data_at[batch->n] = batch->bytes.length;
    batch->details_at[batch->n++] = batch->details.length;
    text_append_bytes(&batch->bytes, bytes, n);
    const char *details = batch->joined ? "" : line->details;
    text_append_bytes(&batch->details, details, strlen(details) + 1);
}

static int take_line(void *user, const OutputLine *line, Error *err) {
    Batch *batch = user;
    if (!line)
        return send_batch(batch, err);
    for (size_t sent = 0; sent < line->n;) {
        size_t n = line->n - sent < BATCH_BYTES ? line->n - sent : BATCH_BYTES;
        add(batch, line, line->bytes + sent, n);
        sent += n;
        if (batch->n == BATCH_ENTRIES || batch->bytes.length + batch->details.length >= BATCH_BYTES)
            TRY(send_batch(batch, err));
    }
    return 0;
}

int api_containers_logs(RpcCall *call, const Tare__V1__LogsRequest *request,
    Tare__V1__LogsResponse *response, Error *err) {
    bool both = !request->stdout && !request->stderr;
    autofree Batch *batch = new (Batch);
    batch->call = call;
    batch->joined = request->joined;
    const ContainerLogs logs = {
        .follow = request->follow,
        .wants_stdout = request->stdout || both,
        .wants_stderr = request->stderr || both,
        .has_tail = request->has_tail,
        .tail = request->tail,
        .since = request->since,
        .until = request->until,
        .cancel_fd = rpc_call_cancel_fd(call),
        .sink = take_line,
        .user = batch,
    };
    int r = container_logs(
        ((TareServices *)rpc_call_user(call))->containers, request->container, &logs, err);
    text_done(&batch->bytes);
    text_done(&batch->details);
    return r;
}
