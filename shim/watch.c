// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "shim/container.h"
#include "shim/shim.h"

/* tare.shim.v1.Shim: what Task has no word for. */
const char *const shim_watch_names[] = {"tare.shim.v1.Shim", NULL};

static int find(Shim *shim, const char *id, Container **ret, Error *err) {
    *ret = container_find(shim, id);
    if (!*ret)
        return error_set(err, ERROR_NOT_FOUND, "no container '%.140s' here", id);
    return 0;
}

static Tare__Shim__V1__Health *describe(TtrpcCall *call, const Health *health) {
    static const char *const names[] = {[HEALTH_STARTING] = "starting",
        [HEALTH_HEALTHY] = "healthy",
        [HEALTH_UNHEALTHY] = "unhealthy"};
    HealthReport report = health_report(health);
    Tare__Shim__V1__Health *told = ttrpc_call_memory(call, sizeof *told);
    tare__shim__v1__health__init(told);
    told->status = (char *)names[report.status];
    told->failing_streak = report.failing_streak;
    told->results = ttrpc_call_memory(call, HEALTH_RESULTS * sizeof *told->results);
    for (unsigned i = 0; i < report.results_n; i++) {
        Tare__Shim__V1__HealthResult *result = ttrpc_call_memory(call, sizeof *result);
        tare__shim__v1__health_result__init(result);
        result->started_at = report.results[i].started;
        result->ended_at = report.results[i].ended;
        result->exit_code = report.results[i].exit_code;
        result->output.data = (uint8_t *)report.results[i].output;
        result->output.len = strlen(report.results[i].output);
        told->results[told->n_results++] = result;
    }
    return told;
}

static Tare__Shim__V1__Oom *describe_oom(TtrpcCall *call, const OomRecord *record) {
    Tare__Shim__V1__Oom *oom = ttrpc_call_memory(call, sizeof *oom);
    tare__shim__v1__oom__init(oom);
    oom->kills = record->kills;
    oom->peak = record->peak;
    oom->limit = record->limit;
    oom->pid = (uint32_t)record->pid;
    oom->exec_id = (char *)record->exec;
    oom->usage = record->usage;
    return oom;
}

static int watch(Container *container, TtrpcCall *call, const Tare__Shim__V1__WatchRequest *request,
    Tare__Shim__V1__WatchResponse *response) {
    const Process *init = &container->init;
    if (request->seen == container->revision)
        return ttrpc_call_park(call, &container->revision);
    response->revision = container->revision;
    response->pid = init->state == PROCESS_STOPPED ? 0 : (uint32_t)init->pid;
    response->restarting = init->state == PROCESS_RESTARTING;
    response->restart_count = container->restart.count;
    response->started_at = init->started_at;
    response->exit_status = (uint32_t)init->exit_status;
    response->exited_at = init->exited_at;
    response->oom_killed = container->oom_killed;
    if (container->oom.record.kills > 0)
        response->oom = describe_oom(call, &container->oom.record);
    if (container->health)
        response->health = describe(call, container->health);
    return 0;
}

static int set_restart(
    Container *container, const Tare__Shim__V1__SetRestartRequest *request, Error *err) {
    const Tare__Shim__V1__RestartPolicy *policy = request->policy;
    if (!policy)
        return error_set(err, ERROR_INVALID, "no restart policy");
    return restart_set(&container->restart, policy->name, policy->maximum_retries, err);
}

int shim_watch_handle(void *owner, TtrpcCall *call, const ProtobufCMethodDescriptor *method,
    const ProtobufCMessage *request, ProtobufCMessage *response, Error *err) {
    Container *container;
    if (strcmp(method->name, "Join") == 0) {
        shim_expect(owner, true);
        return 0;
    }
    if (strcmp(method->name, "Watch") == 0) {
        const Tare__Shim__V1__WatchRequest *wanted = (const Tare__Shim__V1__WatchRequest *)request;
        TRY(find(owner, wanted->id, &container, err));
        return watch(container, call, wanted, (Tare__Shim__V1__WatchResponse *)response);
    }
    const Tare__Shim__V1__SetRestartRequest *wanted =
        (const Tare__Shim__V1__SetRestartRequest *)request;
    TRY(find(owner, wanted->id, &container, err));
    return set_restart(container, wanted, err);
}
