// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <syslog.h>

#include "base/text.h"
#include "output/settings.h"

#include <cmocka.h>

/* "key=value key=value" */
static int parse(const char *driver, const char *options, OutputSettings *ret, Error *err) {
    static JsonMap map; /* what *ret borrows */
    json_map_done(&map);
    autotexts char **words = texts_split(options, ' ');
    for (char **word = words; *word; word++) {
        char *equals = strchr(*word, '=');
        *equals = '\0';
        json_map_set(&map, *word, equals + 1);
    }
    *err = (Error){};
    return output_settings_parse(driver, &map, ret, err);
}

static void accepted(const char *driver, const char *options, OutputSettings *ret) {
    Error err;
    assert_int_equal(parse(driver, options, ret, &err), 0);
}

static void refused(const char *driver, const char *options, const char *text) {
    OutputSettings ignored;
    Error err;
    assert_true(parse(driver, options, &ignored, &err) < 0);
    if (!strstr(err.message, text))
        fail_msg("'%s' is not in '%s'", text, err.message);
}

static void defaults_are_dockers(void **state) {
    OutputSettings settings;
    accepted(NULL, "", &settings);
    assert_int_equal(settings.driver, OUTPUT_JSON_FILE);
    assert_int_equal(settings.max_size, 0);
    assert_int_equal(settings.max_files, 1);
    assert_false(settings.compress || settings.non_blocking);
    accepted("local", "", &settings);
    assert_int_equal(settings.max_size, 20 << 20);
    assert_int_equal(settings.max_files, 5);
    assert_true(settings.compress);
    accepted("none", "anything=goes", &settings);
    assert_int_equal(settings.driver, OUTPUT_NONE);
}

static void options_are_read(void **state) {
    OutputSettings settings;
    accepted("json-file", "max-size=10k max-file=3 compress=true labels=a,b env=C tag={{.Name}}",
        &settings);
    assert_int_equal(settings.max_size, 10240);
    assert_int_equal(settings.max_files, 3);
    assert_true(settings.compress);
    assert_string_equal(settings.labels, "a,b");
    assert_string_equal(settings.environment, "C");
    assert_string_equal(settings.tag, "{{.Name}}");
    accepted("journald", "mode=non-blocking max-buffer-size=4m", &settings);
    assert_true(settings.non_blocking);
    assert_int_equal(settings.max_buffer, 4 << 20);
    accepted("syslog", "syslog-address=udp://h:1 syslog-facility=local3 syslog-format=rfc5424micro",
        &settings);
    assert_string_equal(settings.syslog_address, "udp://h:1");
    assert_int_equal(settings.syslog_facility, LOG_LOCAL3);
    assert_int_equal(settings.syslog_format, SYSLOG_RFC5424_MICRO);
}

static void mistakes_are_refused_in_dockers_words(void **state) {
    refused("fluentd", "", "logger: no log driver named 'fluentd' is registered");
    refused("json-file", "colour=3", "unknown log opt 'colour' for json-file log driver");
    refused("syslog", "max-size=1", "unknown log opt 'max-size' for syslog log driver");
    refused("journald", "syslog-address=udp://h", "unknown log opt 'syslog-address' for journald");
    refused("json-file", "mode=fast", "logger: logging mode not supported: fast");
    refused("json-file", "max-buffer-size=1m",
        "max-buffer-size option is only supported with 'mode=non-blocking'");
    refused("json-file", "max-size=big", "max-size");
    refused("json-file", "max-size=0", "max-size must be a positive number");
    refused("json-file", "max-file=0", "max-file cannot be less than 1");
    refused("json-file", "max-file=3", "max-file needs max-size");
    refused("json-file", "compress=true", "compress cannot be true when max-file is less than 2");
    refused("json-file", "compress=maybe", "neither true nor false");
    refused("syslog", "syslog-address=http://h", "unsupported scheme: 'http'");
    refused("syslog", "syslog-address=host", "unsupported scheme: ''");
    refused("syslog", "syslog-address=tcp+tls://h", "tcp+tls is not spoken here");
    refused("syslog", "syslog-address=unix://log", "names no socket");
    refused("syslog", "syslog-facility=24", "invalid syslog facility");
    refused("syslog", "syslog-format=json", "Invalid syslog format");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_dockers),
        cmocka_unit_test(options_are_read),
        cmocka_unit_test(mistakes_are_refused_in_dockers_words),
    };
    return cmocka_run_group_tests_name("output/settings", tests, NULL, NULL);
}
