// SPDX-License-Identifier: Apache-2.0
#include "engine/container/health.h"

#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"

static const char *kind_of(const OciHealthcheck *health) {
    return health->test.n ? health->test.item[0] : "";
}

static const char *const tests[] = {"CMD", "CMD-SHELL", "URL"};

bool health_is_url(const OciHealthcheck *health) {
    return text_equal(kind_of(health), "URL");
}

/* What the user says was checked; what an image says too small is not said, as with Docker. */
static JsonInt either(JsonInt user, JsonInt image, int64_t least) {
    return user.value ? user : image.value >= least ? image : (JsonInt){};
}

static bool is_url(const char *text) {
    static const char *const schemes[] = {"http://", "https://", "tcp://", "grpc://"};
    for (size_t i = 0; i < array_size(schemes); i++)
        if (text_starts(text, schemes[i]) && text[strlen(schemes[i])])
            return true;
    return false;
}

static bool is_known(const char *word, const char *const *known, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (text_equal(word, known[i]))
            return true;
    return false;
}

bool health_of(const ContainerRecord *record, OciHealthcheck *ret) {
    static const OciHealthcheck nothing;
    const OciHealthcheck *user = record->settings->health,
                         *image = record->image->config->healthcheck;
    user = user ? user : &nothing;
    image = image ? image : &nothing;
    *ret = (OciHealthcheck){.test = user->test.n ? user->test : image->test,
        .interval = either(user->interval, image->interval, TIME_MILLISECOND),
        .timeout = either(user->timeout, image->timeout, TIME_MILLISECOND),
        .start_period = either(user->start_period, image->start_period, TIME_MILLISECOND),
        .start_interval = either(user->start_interval, image->start_interval, TIME_MILLISECOND),
        .retries = either(user->retries, image->retries, 1)};
    return ret->test.n > 1 && is_known(kind_of(ret), tests, array_size(tests)) &&
           (!health_is_url(ret) || is_url(ret->test.item[1]));
}

void health_command(const ContainerRecord *record, const OciHealthcheck *health, JsonTexts *ret) {
    const JsonTexts *shell = &record->image->config->shell;
    if (text_equal(kind_of(health), "CMD"))
        for (size_t i = 1; i < health->test.n; i++)
            json_texts_add(ret, health->test.item[i]);
    if (!text_equal(kind_of(health), "CMD-SHELL"))
        return;
    for (size_t i = 0; i < shell->n; i++)
        json_texts_add(ret, shell->item[i]);
    if (shell->n == 0) {
        json_texts_add(ret, "/bin/sh");
        json_texts_add(ret, "-c");
    }
    json_texts_add(ret, health->test.item[1]);
}

static int check_numbers(const OciHealthcheck *health, Error *err) {
    const struct {
        const char *name;
        int64_t value;
    } durations[] = {
        {"Interval", health->interval.value},
        {"Timeout", health->timeout.value},
        {"StartPeriod", health->start_period.value},
        {"StartInterval", health->start_interval.value},
    };
    for (size_t i = 0; i < array_size(durations); i++)
        if (durations[i].value != 0 && durations[i].value < TIME_MILLISECOND)
            return error_set(
                err, ERROR_INVALID, "%s in Healthcheck cannot be less than 1ms", durations[i].name);
    if (health->retries.value < 0 || health->retries.value > INT32_MAX)
        return error_set(err, ERROR_INVALID, "Retries in Healthcheck cannot be negative");
    return 0;
}

int health_check(const ContainerRecord *record, Error *err) {
    static const char *const actions[] = {"", "none", "kill", "stop", "restart"};
    static const OciHealthcheck nothing;
    const ContainerSettings *settings = record->settings;
    const OciHealthcheck *user = settings->health ? settings->health : &nothing;
    const char *kind = kind_of(user), *action = settings->health_on_failure;
    if (user->test.n && !text_equal(kind, "NONE") && !is_known(kind, tests, array_size(tests)))
        return error_set(err, ERROR_INVALID, "health check: unknown kind of test '%.100s'", kind);
    if (action && !is_known(action, actions, array_size(actions)))
        return error_set(err, ERROR_INVALID,
            "health check: unknown action '%.100s': none, kill, stop or restart", action);
    if (health_is_url(user) && (user->test.n < 2 || !is_url(user->test.item[1])))
        return error_set(err, ERROR_INVALID,
            "health check: '%.200s' is not a URL with http, https, tcp or grpc",
            user->test.n < 2 ? "" : user->test.item[1]);
    return check_numbers(user, err);
}

TaskHealth health_task(const ContainerRecord *record, const OciHealthcheck *health,
    const char *process_path, int stop_signal) {
    bool url = health_is_url(health);
    return (TaskHealth){.process = url ? NULL : process_path,
        .url = url ? health->test.item[1] : NULL,
        .interval = health->interval.value,
        .timeout = health->timeout.value,
        .start_period = health->start_period.value,
        .start_interval = health->start_interval.value,
        .retries = (unsigned)health->retries.value,
        .on_failure = record->settings->health_on_failure,
        .stop_signal = stop_signal};
}

ContainerHealth *health_encode(const TaskChange *change) {
    if (!change->health_status)
        return NULL;
    ContainerHealth *health = new (ContainerHealth);
    health->status = text_copy(change->health_status);
    health->failing_streak = (JsonUint){true, change->failing_streak};
    for (size_t i = 0; i < change->results_n; i++) {
        ContainerHealthResult *result =
            json_objects_add(&health->results, &container_health_result_type);
        result->started = (JsonInt){true, change->results[i].started};
        result->ended = (JsonInt){true, change->results[i].ended};
        result->exit_code = (JsonInt){true, change->results[i].exit_code};
        result->output = text_copy(change->results[i].output);
    }
    return health;
}
