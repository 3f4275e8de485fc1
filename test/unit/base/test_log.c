// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "test.h"

/* What one call of log_failure and one of log_debug write. */
static void logged(LogFormat format, char *ret, size_t size) {
    int ends[2];
    Error err = {};
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    log_configure("tared", ends[1], format, LOG_LEVEL_INFO);
    error_set(&err, ERROR_NOT_FOUND, "no \"such\" thing");
    error_set_reason(&err, "COMMAND_NOT_FOUND");
    log_failure(LOG_LEVEL_ERROR, &err);
    log_debug("not wanted");
    ssize_t n = read(ends[0], ret, size - 1);
    assert_true(n > 0);
    ret[n] = '\0';
    log_configure("tare", STDERR_FILENO, LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
    close(ends[0]);
    close(ends[1]);
}

static void json_carries_code_and_reason(void **state) {
    char line[1024];
    logged(LOG_FORMAT_JSON, line, sizeof line);
    assert_true(
        text_starts(line, "{\"level\":\"error\",\"msg\":\"no \\\"such\\\" thing\",\"time\":\""));
    assert_true(text_ends(line, "Z\",\"code\":5,\"reason\":\"COMMAND_NOT_FOUND\"}\n"));
}

static void systemd_reads_the_priority(void **state) {
    char line[1024];
    logged(LOG_FORMAT_SYSTEMD, line, sizeof line);
    assert_string_equal(line, "<3>no \"such\" thing\n");
}

static void people_read_the_program_and_the_words(void **state) {
    char line[1024];
    logged(LOG_FORMAT_TEXT, line, sizeof line);
    assert_string_equal(line, "tared: no \"such\" thing\n");
}

static void fields_are_what_tools_know_from_other_runtimes(void **state) {
    char line[1024];
    logged(LOG_FORMAT_FIELDS, line, sizeof line);
    assert_true(text_starts(line, "time=\"2"));
    assert_true(text_ends(line, "Z\" level=error msg=\"no \\\"such\\\" thing\"\n"));
}

static void daemons_get_datagrams(void **state) {
    char line[1024];
    logged(LOG_FORMAT_JOURNAL, line, sizeof line);
    assert_string_equal(line, "PRIORITY=3\nSYSLOG_IDENTIFIER=tared\nMESSAGE=no \"such\" thing\n");
    logged(LOG_FORMAT_SYSLOG, line, sizeof line);
    assert_string_equal(line, "<27>tared: no \"such\" thing");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(json_carries_code_and_reason),
        TEST(systemd_reads_the_priority),
        TEST(fields_are_what_tools_know_from_other_runtimes),
        TEST(daemons_get_datagrams),
        TEST(people_read_the_program_and_the_words),
    };
    return RUN(tests);
}
