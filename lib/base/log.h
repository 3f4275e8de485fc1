// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>

#include "base/error.h"

/* One line an event. Only edges log (main, dispatchers, loops); functions with an Error return it.
 * Info = a state change that an operator would want; debug is free. */
typedef enum LogLevel {
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG
} LogLevel;
typedef enum LogFormat {
    LOG_FORMAT_TEXT,    /* plain on a terminal */
    LOG_FORMAT_SYSTEMD, /* "<n>" priority prefix, sd-daemon(3) */
    LOG_FORMAT_FIELDS,  /* time="…" level=… msg="…", as runc */
    LOG_FORMAT_JSON,    /* {"level":…,"msg":…,"time":…}, as runc */
    LOG_FORMAT_JOURNAL, /* a datagram for systemd-journald: its native protocol */
    LOG_FORMAT_SYSLOG,  /* a datagram for /dev/log: "<n>program: message" */
} LogFormat;

/* fd is borrowed. program is the prefix of a text, and the
 * identifier of journal and syslog. Before the first call: stderr, text, info.
 */
void log_configure(const char *program, int fd, LogFormat format, LogLevel level);
bool log_is_wanted(LogLevel level);
void log_write(LogLevel level, const char *format, ...) __attribute__((format(printf, 2, 3)));

int log_descriptor(void); /* borrowed */

/* Closes the descriptor; nothing is logged from then on. */
void log_stop(void);

/* An Error with its code and reason as fields where the format has them. */
void log_failure(LogLevel level, const Error *err);

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)
