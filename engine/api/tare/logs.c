// SPDX-License-Identifier: Apache-2.0
#include "engine/container/logs.h"

#include "engine/api/tare/containers.h"
#include "engine/api/tare/services.h"

enum {
    CHUNK = 64 * 1024
};

static int send_record(void *user, const LogRecord *record, Error *err) {
    RpcCall *call = user;
    size_t sent = 0;
    do {
        Tare__V1__LogsResponse response = TARE__V1__LOGS_RESPONSE__INIT;
        size_t n = record->data.length - sent;
        response.data.len = n > CHUNK ? CHUNK : n;
        response.data.data = (uint8_t *)record->data.data + sent;
        response.stderr = record->is_stderr;
        response.time = record->time;
        TRY(rpc_call_send(call, &response.base, err));
        sent += response.data.len;
    } while (sent < record->data.length);
    return 0;
}

int api_containers_logs(RpcCall *call, const Tare__V1__LogsRequest *request,
    Tare__V1__LogsResponse *response, Error *err) {
    bool both = !request->stdout && !request->stderr;
    const ContainerLogs logs = {
        .follow = request->follow,
        .wants_stdout = request->stdout || both,
        .wants_stderr = request->stderr || both,
        .has_tail = request->has_tail,
        .tail = request->tail,
        .since = request->since,
        .until = request->until,
        .cancel_fd = rpc_call_cancel_fd(call),
        .sink = send_record,
        .user = call,
    };
    return container_logs(
        ((TareServices *)rpc_call_user(call))->containers, request->container, &logs, err);
}
