// SPDX-License-Identifier: Apache-2.0
#include "output/settings.h"

#include <regex.h>
#include <string.h>
#include <syslog.h>

#include "base/memory.h"
#include "base/text.h"

enum {
    FILES_MAX = 1000,
    BUFFER_DEFAULT = 1 << 20,
    BUFFER_MAX = 1 << 30,
    LOCAL_SIZE = 20 << 20,
    LOCAL_FILES = 5,
};

static const struct {
    const char *name, *suffix;
} drivers[] = {
    [OUTPUT_JSON_FILE] = {"json-file", "-json.log"},
    [OUTPUT_LOCAL] = {"local", "-local.log"},
    [OUTPUT_CRI] = {"cri", "-cri.log"},
    [OUTPUT_JOURNALD] = {"journald", NULL},
    [OUTPUT_SYSLOG] = {"syslog", NULL},
    [OUTPUT_NONE] = {"none", NULL},
};
_Static_assert(array_size(drivers) == OUTPUT_DRIVERS, "a row for every driver");

const char *output_driver_name(OutputDriver driver) {
    return drivers[driver].name;
}

const char *output_driver_suffix(OutputDriver driver) {
    return drivers[driver].suffix;
}

typedef int (*Take)(const char *key, const char *value, void *to, Error *err);

static int take_text(const char *key, const char *value, void *to, Error *err) {
    *(const char **)to = value;
    return 0;
}

/* "-1" is Docker's word for no limit. */
static int take_size(const char *key, const char *value, void *to, Error *err) {
    uint64_t number = 0;
    if (!text_equal(value, "-1"))
        TRY(text_parse_size(value, key, &number, err));
    if (!text_equal(value, "-1") && (number == 0 || number > INT64_MAX))
        return error_set(err, ERROR_INVALID, "%s must be a positive number", key);
    *(int64_t *)to = (int64_t)number;
    return 0;
}

static int take_buffer(const char *key, const char *value, void *to, Error *err) {
    uint64_t number;
    TRY(text_parse_size(value, key, &number, err));
    if (number == 0 || number > BUFFER_MAX)
        return error_set(err, ERROR_INVALID, "%s: not between 1 byte and 1 GiB", key);
    *(int64_t *)to = (int64_t)number;
    return 0;
}

static int take_count(const char *key, const char *value, void *to, Error *err) {
    int64_t number;
    TRY(text_parse_int(value, key, &number, err));
    if (number < 1)
        return error_set(err, ERROR_INVALID, "%s cannot be less than 1", key);
    if (number > FILES_MAX)
        return error_set(err, ERROR_INVALID, "%s: not between 1 and %d", key, FILES_MAX);
    *(int *)to = (int)number;
    return 0;
}

/* Go's strconv.ParseBool, as with Docker. */
static int take_bool(const char *key, const char *value, void *to, Error *err) {
    static const char *const words[] = {
        "0", "1", "f", "t", "F", "T", "false", "true", "FALSE", "TRUE", "False", "True"};
    for (size_t i = 0; i < array_size(words); i++)
        if (text_equal(value, words[i])) {
            *(bool *)to = i % 2;
            return 0;
        }
    return error_set(err, ERROR_INVALID, "%s: '%.100s' is neither true nor false", key, value);
}

static int take_mode(const char *key, const char *value, void *to, Error *err) {
    *(bool *)to = text_equal(value, "non-blocking");
    if (!*(bool *)to && !text_equal(value, "blocking") && *value)
        return error_set(err, ERROR_INVALID, "logger: logging mode not supported: %.100s", value);
    return 0;
}

/* POSIX's extended ones, where Docker has Go's: the same but for classes such as \\d. */
static int take_regex(const char *key, const char *value, void *to, Error *err) {
    regex_t compiled;
    char why[200];
    int r = regcomp(&compiled, value, REG_EXTENDED | REG_NOSUB);
    if (r != 0) {
        regerror(r, &compiled, why, sizeof why);
        return error_set(err, ERROR_INVALID, "%s: '%.200s': %s", key, value, why);
    }
    regfree(&compiled);
    *(const char **)to = value;
    return 0;
}

static int take_address(const char *key, const char *value, void *to, Error *err) {
    static const char *const schemes[] = {
        "unix://", "unixgram://", "udp://", "tcp://", "tcp+tls://"};
    size_t i = 0;
    while (i < array_size(schemes) && !text_starts(value, schemes[i]))
        i++;
    if (i == array_size(schemes)) {
        const char *end = strstr(value, "://");
        return error_set(err, ERROR_INVALID, "unsupported scheme: '%.*s'",
            end && end - value < 100 ? (int)(end - value) : 0, value);
    }
    if (text_equal(schemes[i], "tcp+tls://"))
        return error_set(err, ERROR_UNSUPPORTED,
            "%s: tcp+tls is not spoken here; let a local syslog daemon forward over TLS", key);
    const char *rest = value + strlen(schemes[i]);
    if (!*rest || (text_starts(schemes[i], "unix") && *rest != '/'))
        return error_set(err, ERROR_INVALID, "%s: '%.200s' names no %s", key, value,
            text_starts(schemes[i], "unix") ? "socket" : "host");
    *(const char **)to = value;
    return 0;
}

static const struct {
    const char *name;
    int facility;
} facilities[] = {
    {"kern", LOG_KERN},
    {"user", LOG_USER},
    {"mail", LOG_MAIL},
    {"daemon", LOG_DAEMON},
    {"auth", LOG_AUTH},
    {"syslog", LOG_SYSLOG},
    {"lpr", LOG_LPR},
    {"news", LOG_NEWS},
    {"uucp", LOG_UUCP},
    {"cron", LOG_CRON},
    {"authpriv", LOG_AUTHPRIV},
    {"ftp", LOG_FTP},
    {"local0", LOG_LOCAL0},
    {"local1", LOG_LOCAL1},
    {"local2", LOG_LOCAL2},
    {"local3", LOG_LOCAL3},
    {"local4", LOG_LOCAL4},
    {"local5", LOG_LOCAL5},
    {"local6", LOG_LOCAL6},
    {"local7", LOG_LOCAL7},
};

static int take_facility(const char *key, const char *value, void *to, Error *err) {
    int64_t number;
    Error ignored;
    for (size_t i = 0; i < array_size(facilities); i++)
        if (text_equal(value, facilities[i].name)) {
            *(int *)to = facilities[i].facility;
            return 0;
        }
    if (text_parse_int(value, key, &number, &ignored) < 0 || number < 0 || number > 23)
        return error_set(err, ERROR_INVALID, "invalid syslog facility");
    *(int *)to = (int)number << 3;
    return 0;
}

static int take_format(const char *key, const char *value, void *to, Error *err) {
    static const char *const names[] = {
        [SYSLOG_UNIX] = "",
        [SYSLOG_RFC3164] = "rfc3164",
        [SYSLOG_RFC5424] = "rfc5424",
        [SYSLOG_RFC5424_MICRO] = "rfc5424micro",
    };
    for (size_t i = 0; i < array_size(names); i++)
        if (text_equal(value, names[i])) {
            *(SyslogFormat *)to = (SyslogFormat)i;
            return 0;
        }
    return error_set(err, ERROR_INVALID, "Invalid syslog format");
}

enum {
    ROTATED = 1 << OUTPUT_JSON_FILE | 1 << OUTPUT_LOCAL | 1 << OUTPUT_CRI,
    TAGGED = 1 << OUTPUT_JSON_FILE | 1 << OUTPUT_LOCAL | 1 << OUTPUT_JOURNALD | 1 << OUTPUT_SYSLOG,
    EVERY = ROTATED | TAGGED,
    SYSLOG = 1 << OUTPUT_SYSLOG,
};

#define AT(member) offsetof(OutputSettings, member)
static const struct Option {
    const char *key;
    unsigned drivers; /* 1 << OutputDriver of those who know it */
    Take take;
    size_t at;
} options_known[] = {
    {"mode", EVERY, take_mode, AT(non_blocking)},
    {"max-buffer-size", EVERY, take_buffer, AT(max_buffer)},
    {"max-size", ROTATED, take_size, AT(max_size)},
    {"max-file", ROTATED, take_count, AT(max_files)},
    {"compress", 1 << OUTPUT_JSON_FILE | 1 << OUTPUT_LOCAL, take_bool, AT(compress)},
    {"labels", TAGGED, take_text, AT(labels)},
    {"env", TAGGED, take_text, AT(environment)},
    {"labels-regex", TAGGED, take_regex, AT(labels_regex)},
    {"env-regex", TAGGED, take_regex, AT(environment_regex)},
    {"tag", TAGGED, take_text, AT(tag)},
    {"syslog-address", SYSLOG, take_address, AT(syslog_address)},
    {"syslog-facility", SYSLOG, take_facility, AT(syslog_facility)},
    {"syslog-format", SYSLOG, take_format, AT(syslog_format)},
};
#undef AT

static int driver_parse(const char *name, OutputDriver *ret, Error *err) {
    if (text_is_empty(name))
        name = drivers[OUTPUT_JSON_FILE].name;
    for (size_t i = 0; i < OUTPUT_DRIVERS; i++)
        if (text_equal(name, drivers[i].name)) {
            *ret = (OutputDriver)i;
            return 0;
        }
    return error_set(
        err, ERROR_INVALID, "logger: no log driver named '%.100s' is registered", name);
}

static int take_option(OutputSettings *settings, const char *key, const char *value, Error *err) {
    for (size_t i = 0; i < array_size(options_known); i++) {
        const struct Option *row = &options_known[i];
        if (text_equal(row->key, key) && row->drivers & 1U << settings->driver)
            return row->take(key, value, (char *)settings + row->at, err);
    }
    return error_set(err, ERROR_INVALID, "unknown log opt '%.100s' for %s log driver", key,
        output_driver_name(settings->driver));
}

int output_settings_parse(
    const char *driver, const JsonMap *options, OutputSettings *ret, Error *err) {
    OutputSettings settings = {
        .max_files = 1, .max_buffer = BUFFER_DEFAULT, .syslog_facility = LOG_DAEMON};
    TRY(driver_parse(driver, &settings.driver, err));
    if (settings.driver == OUTPUT_NONE) { /* as Docker: whatever the options say */
        *ret = settings;
        return 0;
    }
    if (settings.driver == OUTPUT_LOCAL) {
        settings.max_size = LOCAL_SIZE;
        settings.max_files = LOCAL_FILES;
    }
    settings.compress = settings.driver == OUTPUT_LOCAL;
    for (size_t i = 0; i < options->n; i++)
        TRY(take_option(&settings, options->key[i], options->value[i], err));
    bool rotates = settings.max_size > 0;
    if (json_map_find(options, "max-file") && settings.max_files > 1 && !rotates)
        return error_set(err, ERROR_INVALID, "max-file needs max-size");
    if (json_map_find(options, "compress") && settings.compress &&
        (settings.max_files < 2 || !rotates))
        return error_set(err, ERROR_INVALID,
            "compress cannot be true when max-file is less than 2 or max-size is not set");
    if (json_map_find(options, "max-buffer-size") && !settings.non_blocking)
        return error_set(err, ERROR_INVALID,
            "logger: max-buffer-size option is only supported with 'mode=non-blocking'");
    *ret = settings;
    return 0;
}
