// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/* Docker's health checks, run beside the container whether or not the engine is there. A probe is a
 * child process: the OCI runtime's exec, or tare-probe for those over the network. */
typedef struct Container Container;
typedef struct Health Health;

typedef enum HealthStatus {
    HEALTH_STARTING,
    HEALTH_HEALTHY,
    HEALTH_UNHEALTHY,
} HealthStatus;

typedef enum HealthAction {
    HEALTH_ON_FAILURE_NONE,
    HEALTH_ON_FAILURE_KILL,
    HEALTH_ON_FAILURE_STOP,
    HEALTH_ON_FAILURE_RESTART,
} HealthAction;

enum {
    HEALTH_RESULTS = 5,
    HEALTH_OUTPUT_MAX = 4096
};

typedef struct HealthOptions {
    char *process; /* file with the JSON of the OCI process to run inside; else */
    char *url;     /* http, https, tcp or grpc */
    int64_t interval, timeout, start_period, start_interval; /* ns; 0: Docker's default */
    unsigned retries;                                        /* 0: 3 */
    HealthAction on_failure;
    int stop_signal;
} HealthOptions;

typedef struct HealthResult {
    int64_t started, ended;
    int exit_code; /* -1: it took too long, or could not be run */
    char *output;
} HealthResult;

typedef struct HealthReport {
    HealthStatus status;
    unsigned failing_streak;
    const HealthResult *results; /* oldest first */
    unsigned results_n;
} HealthReport;

/* Takes the options. */
Health *health_new(Container *container, HealthOptions *options);
Health *health_free(Health *health); /* returns NULL */
void health_options_done(HealthOptions *options);

/* "", "none", "kill", "stop", "restart". ERROR_INVALID. */
int health_action_parse(const char *name, HealthAction *ret, Error *err);

/* A life of the container begins, or has ended. NULL is a container without health checks. */
void health_begin(Health *health);
void health_end(Health *health);

/* Between these there are no probes; the one under way does not count. */
void health_pause(Health *health);
void health_resume(Health *health);

/* The child that is one; 0: none is under way. */
pid_t health_probe(const Health *health);

/* Whether the child that has ended was a probe. */
bool health_reaped(Health *health, pid_t pid, int status);

HealthReport health_report(const Health *health);
