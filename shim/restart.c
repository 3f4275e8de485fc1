// SPDX-License-Identifier: Apache-2.0
#include "shim/restart.h"

#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"

static const int64_t first_delay = 100 * TIME_MILLISECOND, longest_delay = 60 * TIME_SECOND,
                     long_life = 10 * TIME_SECOND;

static const struct {
    const char *name;
    RestartMode mode;
} modes[] = {
    {"", RESTART_NO},
    {"no", RESTART_NO},
    {"on-failure", RESTART_ON_FAILURE},
    {"always", RESTART_ALWAYS},
    {"unless-stopped", RESTART_ALWAYS},
};

int restart_set(Restart *restart, const char *name, unsigned maximum_retries, Error *err) {
    for (size_t i = 0; i < array_size(modes); i++) {
        if (strcmp(modes[i].name, name) != 0)
            continue;
        if (maximum_retries > 0 && modes[i].mode != RESTART_ON_FAILURE)
            return error_set(err, ERROR_INVALID,
                "maximum retry count cannot be used with restart policy '%s'", name);
        restart->mode = modes[i].mode;
        restart->maximum_retries = maximum_retries;
        return 0;
    }
    return error_set(err, ERROR_INVALID, "unknown restart policy '%.100s'", name);
}

static bool is_wanted(const Restart *restart, int exit_status) {
    switch (restart->mode) {
    case RESTART_ALWAYS:
        return true;
    case RESTART_ON_FAILURE:
        return exit_status != 0 &&
               (restart->maximum_retries == 0 || restart->count < restart->maximum_retries);
    case RESTART_NO:
        break;
    }
    return false;
}

bool restart_decide(Restart *restart, int exit_status, int64_t lived, int64_t *ret_delay) {
    if (!is_wanted(restart, exit_status) && !restart->forced)
        return false;
    restart->forced = false;
    if (restart->delay == 0 || lived >= long_life)
        restart->delay = first_delay;
    else
        restart->delay = restart->delay > longest_delay / 2 ? longest_delay : restart->delay * 2;
    *ret_delay = restart->delay;
    return true;
}
