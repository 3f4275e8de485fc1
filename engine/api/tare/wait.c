// SPDX-License-Identifier: Apache-2.0
#include "engine/container/wait.h"

#include "base/text.h"
#include "engine/api/tare/containers.h"
#include "engine/api/tare/services.h"

/* Wait and ExecWait hold no thread: the call is detached, and either the end of the program or the
 * departure of the client finishes it. */
typedef struct Wait {
    ContainerWaiter waiter;
    RpcCall *call;
    Containers *containers;
} Wait;

static void wait_done(ContainerWaiter *waiter, int exit_code, const char *error) {
    const Wait *wait = waiter->user;
    Tare__V1__WaitContainerResponse response = TARE__V1__WAIT_CONTAINER_RESPONSE__INIT;
    response.exit_code = exit_code;
    if (error)
        response.error = rpc_call_copy(wait->call, error);
    rpc_call_finish(wait->call, &response.base, NULL);
}

static void wait_cancelled(RpcCall *call, void *argument) {
    Wait *wait = argument;
    Error err = {};
    if (!container_wait_cancel(wait->containers, &wait->waiter))
        return; /* the answer is on its way, or the call failed */
    error_set(&err, ERROR_CANCELLED, "the client has gone");
    rpc_call_finish(call, NULL, &err);
}

/* In the call's arena: it may be cancelled until the call is gone. */
static Wait *wait_new(RpcCall *call) {
    Wait *wait = rpc_call_alloc(call, sizeof *wait);
    *wait = (Wait){
        .waiter = {.done = wait_done, .user = wait},
        .call = call,
        .containers = ((TareServices *)rpc_call_user(call))->containers,
    };
    rpc_call_on_cancel(call, wait_cancelled, wait);
    return wait;
}

static int condition_of(Tare__V1__WaitCondition condition, ContainerCondition *ret, Error *err) {
    switch (condition) {
    case TARE__V1__WAIT_CONDITION__WAIT_NOT_RUNNING:
        *ret = CONTAINER_NOT_RUNNING;
        return 0;
    case TARE__V1__WAIT_CONDITION__WAIT_NEXT_EXIT:
        *ret = CONTAINER_NEXT_EXIT;
        return 0;
    case TARE__V1__WAIT_CONDITION__WAIT_REMOVED:
        *ret = CONTAINER_REMOVED;
        return 0;
    case _TARE__V1__WAIT_CONDITION_IS_INT_SIZE:
        break;
    }
    return error_set(err, ERROR_INVALID, "invalid condition: %d", (int)condition);
}

int api_containers_wait(RpcCall *call, const Tare__V1__WaitContainerRequest *request,
    Tare__V1__WaitContainerResponse *response, Error *err) {
    ContainerCondition condition = CONTAINER_NOT_RUNNING;
    TRY(condition_of(request->condition, &condition, err));
    Wait *wait = wait_new(call);
    TRY(container_wait(wait->containers, request->container, condition, &wait->waiter, err));
    return RPC_DETACHED;
}

int api_containers_exec_wait(RpcCall *call, const Tare__V1__ExecRequest *request,
    Tare__V1__WaitContainerResponse *response, Error *err) {
    Wait *wait = wait_new(call);
    TRY(container_exec_wait(
        wait->containers, request->container, request->exec_id, &wait->waiter, err));
    return RPC_DETACHED;
}
