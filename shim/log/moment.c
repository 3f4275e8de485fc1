// SPDX-License-Identifier: Apache-2.0
#include "shim/log/moment.h"

#include <string.h>

enum {
    BLOCK = 1000,                    /* nanoseconds that differ in the last digits only */
    LAST_DIGIT = LOG_MOMENT_SIZE - 2 /* before the Z */
};

/* The digits go where nothing is read soon: a byte that was just written holds up the loads of its
 * neighbours. */
void log_moment_write(LogMoment *moment, int64_t time, char *to) {
    int64_t since = time - moment->block;
    if (since < 0 || since >= BLOCK || !*moment->text) {
        since = (time % BLOCK + BLOCK) % BLOCK;
        moment->block = time - since;
        time_format_fixed(moment->block, moment->text);
    }
    unsigned digits = (unsigned)since;
    memcpy(to, moment->text, LOG_MOMENT_SIZE);
    to[LAST_DIGIT] = (char)('0' + digits % 10);
    to[LAST_DIGIT - 1] = (char)('0' + digits / 10 % 10);
    to[LAST_DIGIT - 2] = (char)('0' + digits / 100);
}
