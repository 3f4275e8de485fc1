// SPDX-License-Identifier: Apache-2.0
#include "shim/log/moment.h"

#include <stdbool.h>
#include <string.h>

enum {
    LAST_DIGIT = LOG_MOMENT_SIZE - 2 /* before the Z */
};

/* false: it ends a second, or there is no text yet. */
static bool increment(char *digit) {
    for (; *digit == '9'; digit--)
        *digit = '0';
    bool is_digit = *digit >= '0' && *digit < '9';
    *digit = (char)(*digit + is_digit);
    return is_digit;
}

void log_moment_write(LogMoment *moment, int64_t time, char *to) {
    if (time != moment->time + 1 || !increment(moment->text + LAST_DIGIT))
        time_format_fixed(time, moment->text);
    moment->time = time;
    memcpy(to, moment->text, LOG_MOMENT_SIZE);
}
