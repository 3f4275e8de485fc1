// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>

#include "base/option.h"
#include "proto/tare/v1/container.pb-c.h"

/* The health check's options of `run` and `create`. */
typedef struct HealthOptions {
    const char *command, *http, *tcp, *grpc, *interval, *timeout, *start_period, *start_interval;
    const char *on_failure;
    OptionInt retries;
    bool none;
} HealthOptions;

/* Rows for an option table; AT(member) is the offset of the member of the HealthOptions. */
#define HEALTH_ROWS(AT)                                                                            \
    {0, "health-cmd", OPTION_TEXT, AT(command), "string", "Command to run to check health"},       \
        {0, "health-grpc", OPTION_TEXT, AT(grpc), "address",                                       \
            "Check health by gRPC at [HOST:]PORT[/SERVICE] inside the container"},                 \
        {0, "health-http", OPTION_TEXT, AT(http), "address",                                       \
            "Check health by HTTP at [HOST:]PORT[/PATH] or a URL inside the container"},           \
        {0, "health-interval", OPTION_TEXT, AT(interval), "duration",                              \
            "Time between running the check (ms|s|m|h) (default 30s)"},                            \
        {0, "health-on-failure", OPTION_TEXT, AT(on_failure), "string",                            \
            "What to do with an unhealthy container (none, kill, stop, restart) (default none)"},  \
        {0, "health-retries", OPTION_INT, AT(retries), "int",                                      \
            "Consecutive failures needed to report unhealthy (default 3)"},                        \
        {0, "health-start-interval", OPTION_TEXT, AT(start_interval), "duration",                  \
            "Time between running the check during the start period (default 5s)"},                \
        {0, "health-start-period", OPTION_TEXT, AT(start_period), "duration",                      \
            "Start period for the container to initialize before counting failures"},              \
        {0, "health-tcp", OPTION_TEXT, AT(tcp), "address",                                         \
            "Check health by connecting to [HOST:]PORT inside the container"},                     \
        {0, "health-timeout", OPTION_TEXT, AT(timeout), "duration",                                \
            "Maximum time to allow one check to run (default 30s)"},                               \
    {                                                                                              \
        0, "no-healthcheck", OPTION_FLAG, AT(none), NULL,                                          \
            "Disable any container-specified HEALTHCHECK"                                          \
    }

/* *ret is new, or NULL when nothing was said. ERROR_INVALID. */
int health_request(const HealthOptions *options, Tare__V1__HealthCheck **ret, Error *err);
