// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "base/text.h"
#include "bootstrap/answer.h"
#include "proto/containerd/task/v3/task.pb-c.h"
#include "shim/containerd/options.h"
#include "target.h"

/* What clients and other shims send, up to the first act that leaves a trace: the options of
 * Create, of either type, and what another shim's start command prints. */

static void decode_options(char *type, const uint8_t *data, size_t size) {
    Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
    TaskOptions options = {};
    Error err = {};
    any.type_url = type;
    any.value = (ProtobufCBinaryData){size, (uint8_t *)(uintptr_t)data};
    if (task_options_decode(&any, "namespace", &options, &err) < 0)
        return;
    if (options.delegate && !path_is_absolute(options.delegate))
        abort();
    if (options.attach_socket && !path_is_absolute(options.attach_socket))
        abort();
    task_options_done(&options);
}

static void decode_answer(const uint8_t *data, size_t size) {
    BootstrapAnswer answer = {};
    Error err = {};
    if (bootstrap_answer_decode((const char *)data, size, &answer, &err) < 0)
        return;
    if (!path_is_absolute(answer.address) || answer.version < 2 || answer.version > 3)
        abort();
    bootstrap_answer_done(&answer);
}

static void decode_request(const uint8_t *data, size_t size) {
    Containerd__Task__V3__CreateTaskRequest *request =
        containerd__task__v3__create_task_request__unpack(NULL, size, data);
    TaskOptions options = {};
    Error err = {};
    if (request && task_options_decode(request->options, "namespace", &options, &err) >= 0)
        task_options_done(&options);
    if (request)
        containerd__task__v3__create_task_request__free_unpacked(request, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char tare[] = "tare.shim.v1.Options", runc[] = "containerd.runc.v1.Options";
    decode_options(tare, data, size);
    decode_options(runc, data, size);
    decode_answer(data, size);
    decode_request(data, size);
    return 0;
}
