// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/text.h"
#include "base/time.h"

enum {
    SYSLOG_DAEMON = 3 << 3 /* LOG_DAEMON of syslog(3) */
};

static struct {
    const char *program;
    int fd;
    LogFormat format;
    LogLevel level;
} config = {"tare", STDERR_FILENO, LOG_FORMAT_TEXT, LOG_LEVEL_INFO};

static const struct {
    const char *name;
    int priority; /* syslog(3) */
} levels[] = {
    [LOG_LEVEL_ERROR] = {"error", 3},
    [LOG_LEVEL_WARNING] = {"warning", 4},
    [LOG_LEVEL_INFO] = {"info", 6},
    [LOG_LEVEL_DEBUG] = {"debug", 7},
};

void log_configure(const char *program, int fd, LogFormat format, LogLevel level) {
    config.program = program;
    config.fd = fd;
    config.format = format;
    config.level = level;
}

static void append_field(Text *line, const char *name, const char *value) {
    text_append_format(line, "%c\"%s\":", line->length ? ',' : '{', name);
    json_append_string(line, value, strlen(value));
}

/* One write(2) a line, so that processes sharing a log do not mix. */
static void emit(LogLevel level, const char *message, const Error *err) {
    autodone(Text) line = {};
    char when[TIME_TEXT_SIZE];
    switch (config.format) {
    case LOG_FORMAT_JSON:
        append_field(&line, "level", levels[level].name);
        append_field(&line, "msg", message);
        append_field(&line, "time", time_format(time_now(), when));
        if (err)
            text_append_format(&line, ",\"code\":%d", -err->code);
        if (err && *err->reason)
            append_field(&line, "reason", err->reason);
        text_append(&line, "}\n");
        break;
    case LOG_FORMAT_SYSTEMD:
        text_append_format(&line, "<%d>%s\n", levels[level].priority, message);
        break;
    case LOG_FORMAT_FIELDS:
        text_append_format(
            &line, "time=\"%s\" level=%s msg=", time_format(time_now(), when), levels[level].name);
        json_append_string(&line, message, strlen(message));
        text_append(&line, "\n");
        break;
    case LOG_FORMAT_JOURNAL:
        text_append_format(&line, "PRIORITY=%d\nSYSLOG_IDENTIFIER=%s\nMESSAGE=%s\n",
            levels[level].priority, config.program, message);
        break;
    case LOG_FORMAT_SYSLOG:
        text_append_format(
            &line, "<%d>%s: %s", SYSLOG_DAEMON | levels[level].priority, config.program, message);
        break;
    case LOG_FORMAT_TEXT:
        text_append_format(&line, "%s: %s%s\n", config.program,
            level == LOG_LEVEL_WARNING ? "warning: " : "", message);
        break;
    }
    (void)!write(config.fd, line.data, line.length);
}

int log_descriptor(void) {
    return config.fd;
}

void log_stop(void) {
    if (config.fd > STDERR_FILENO)
        close(config.fd);
    config.fd = -1;
}

bool log_is_wanted(LogLevel level) {
    return level <= config.level && config.fd >= 0;
}

void log_write(LogLevel level, const char *format, ...) {
    if (!log_is_wanted(level))
        return;
    va_list args;
    va_start(args, format);
    autofree char *message = text_format_v(format, args);
    text_make_printable(message);
    va_end(args);
    emit(level, message, NULL);
}

void log_failure(LogLevel level, const Error *err) {
    if (log_is_wanted(level))
        emit(level, err->message, err);
}
