// SPDX-License-Identifier: Apache-2.0
#include "shim/log/moment.h"

#include <string.h>

enum {
    SECOND = 20, /* characters up to the point */
    DIGITS = 9
};
_Static_assert(SECOND + DIGITS + 1 == LOG_MOMENT_SIZE, "and the Z");

void log_moment_write(LogMoment *moment, int64_t time, char *to) {
    int64_t second = time / TIME_SECOND;
    if (second != moment->second) {
        time_format_fixed(time, moment->text);
        moment->second = second;
    }
    memcpy(to, moment->text, SECOND);
    uint32_t fraction = (uint32_t)(time % TIME_SECOND);
    for (int i = SECOND + DIGITS - 1; i >= SECOND; i--) {
        to[i] = (char)('0' + fraction % 10);
        fraction /= 10;
    }
    to[SECOND + DIGITS] = 'Z';
}
