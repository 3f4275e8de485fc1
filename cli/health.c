// SPDX-License-Identifier: Apache-2.0
#include "cli/health.h"

#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"

/* "8080/path", ":8080" and "name:8080" mean a server in the container; a URL is left as it is. */
static char *url_of(const char *scheme, const char *address) {
    if (strstr(address, "://"))
        return text_copy(address);
    const char *bare = *address == ':' ? address + 1 : address;
    size_t digits = strspn(bare, "0123456789");
    bool is_port = digits > 0 && (!bare[digits] || bare[digits] == '/');
    return text_format("%s://%s%s", scheme, is_port ? "127.0.0.1:" : "", bare);
}

static int parse_duration(const char *text, const char *name, int64_t *ret, Error *err) {
    return text ? time_parse_duration(text, name, ret, err) : 0;
}

static void set_test(Tare__V1__HealthCheck *health, const char *kind, char *argument) {
    health->test = new_array(char *, 2);
    health->test[health->n_test++] = text_copy(kind);
    if (argument)
        health->test[health->n_test++] = argument;
}

static int fill_test(const HealthOptions *options, Tare__V1__HealthCheck *health, Error *err) {
    const struct {
        const char *scheme, *address;
    } probes[] = {{"http", options->http}, {"tcp", options->tcp}, {"grpc", options->grpc}};
    size_t kinds = (options->command != NULL) + options->none;
    for (size_t i = 0; i < array_size(probes); i++)
        kinds += probes[i].address != NULL;
    if (kinds > 1)
        return error_set(err, ERROR_INVALID,
            options->none ? "--no-healthcheck conflicts with --health-* options"
                          : "only one of --health-cmd, --health-http, --health-tcp and "
                            "--health-grpc can be used");
    if (options->none)
        set_test(health, "NONE", NULL);
    else if (options->command)
        set_test(health, "CMD-SHELL", text_copy(options->command));
    for (size_t i = 0; i < array_size(probes); i++)
        if (probes[i].address)
            set_test(health, "URL", url_of(probes[i].scheme, probes[i].address));
    return 0;
}

static int fill(const HealthOptions *options, Tare__V1__HealthCheck *health, Error *err) {
    TRY(fill_test(options, health, err));
    TRY(parse_duration(options->interval, "--health-interval", &health->interval, err));
    TRY(parse_duration(options->timeout, "--health-timeout", &health->timeout, err));
    TRY(parse_duration(options->start_period, "--health-start-period", &health->start_period, err));
    TRY(parse_duration(
        options->start_interval, "--health-start-interval", &health->start_interval, err));
    health->retries = options->retries.value;
    health->on_failure = text_copy(options->on_failure ? options->on_failure : "");
    bool more = health->interval || health->timeout || health->start_period ||
                health->start_interval || options->retries.set;
    if (options->none && more)
        return error_set(err, ERROR_INVALID, "--no-healthcheck conflicts with --health-* options");
    return 0;
}

int health_request(const HealthOptions *options, Tare__V1__HealthCheck **ret, Error *err) {
    const HealthOptions nothing = {};
    if (memcmp(options, &nothing, sizeof nothing) == 0)
        return 0;
    *ret = new (Tare__V1__HealthCheck);
    tare__v1__health_check__init(*ret);
    return fill(options, *ret, err);
}
