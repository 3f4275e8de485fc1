// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "cli/bind.h"
#include "cli/environment.h"
#include "cli/moment.h"
#include "cli/port.h"
#include "cli/reference.h"
#include "test.h"

/* Parses one env file and joins what it gave with '|'. */
static char *parse_environment(const char *text, size_t length, Error *err) {
    autotexts char **texts = NULL;
    size_t n = 0;
    int result = environment_parse("f", text, length, &texts, &n, err);
    array_append(texts, n, NULL);
    return result < 0 ? NULL : texts_join(texts, "|");
}

static void assert_environment(const char *text, const char *expected) {
    Error err = {};
    autofree char *joined = parse_environment(text, strlen(text), &err);
    assert_non_null(joined);
    assert_string_equal(joined, expected);
}

static void env_file_skips_comments_and_keeps_values_as_they_are(void **state) {
    (void)state;
    assert_environment("# a comment\n\nA=1\n  # another\nB=two words # kept\nC=\"quoted\"\nD=\n",
        "A=1|B=two words # kept|C=\"quoted\"|D=");
    assert_environment("A=1\r\nB=2\r\n", "A=1|B=2");
    assert_environment("LAST=no newline", "LAST=no newline");
    assert_environment("\xef\xbb\xbf"
                       "A=1\n",
        "A=1");
    assert_environment("A=x=y\n", "A=x=y");
    assert_environment("", "");
}

static void env_file_takes_bare_names_from_the_caller(void **state) {
    (void)state;
    setenv("TARE_TEST_HERE", "yes", 1);
    unsetenv("TARE_TEST_ABSENT");
    assert_environment("TARE_TEST_HERE\nTARE_TEST_ABSENT\n", "TARE_TEST_HERE=yes");
}

static void env_file_refuses_bad_names(void **state) {
    (void)state;
    Error err = {};
    assert_null(parse_environment("A=1\nB C=2\n", 10, &err));
    assert_string_equal(err.message, "f: line 2: variable 'B C' contains whitespaces");
    assert_null(parse_environment("=x\n", 3, &err));
    assert_string_equal(err.message, "f: line 1: no variable name on line '=x'");
    assert_null(parse_environment("A=\0x\n", 5, &err));
    assert_int_equal(err.code, ERROR_INVALID);
}

static void ports_are_parsed_as_docker_does(void **state) {
    (void)state;
    static const struct {
        const char *text, *ip;
        unsigned host, container;
        const char *protocol;
    } rows[] = {
        {"80", "", 0, 80, "tcp"},
        {"8080:80", "", 8080, 80, "tcp"},
        {"8080:80/udp", "", 8080, 80, "udp"},
        {"53:53/UDP", "", 53, 53, "udp"},
        {"127.0.0.1:8080:80", "127.0.0.1", 8080, 80, "tcp"},
        {"127.0.0.1::80", "127.0.0.1", 0, 80, "tcp"},
        {"[::1]:8080:80/tcp", "::1", 8080, 80, "tcp"},
        {"1:65535", "", 1, 65535, "tcp"},
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        Port port = {};
        Error err = {};
        assert_int_equal(port_parse(rows[i].text, &port, &err), 0);
        assert_string_equal(port.host_ip, rows[i].ip);
        assert_int_equal(port.host, rows[i].host);
        assert_int_equal(port.container, rows[i].container);
        assert_string_equal(port.protocol, rows[i].protocol);
    }
}

static void bad_ports_are_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"", "x", "0", "65536", "80/icmp", "a:80", "1.2.3:80:80",
        "--name", "8080:", "80:80:80:80", "-1", "[::1:80:80", "127.0.0.1:99999:80"};
    for (size_t i = 0; i < array_size(bad); i++) {
        Port port = {};
        Error err = {};
        assert_true(port_parse(bad[i], &port, &err) < 0);
        assert_non_null(strstr(err.message, "invalid port mapping"));
    }
    Port port = {};
    Error err = {};
    assert_failed(port_parse("8000-8010:80", &port, &err), err, ERROR_UNSUPPORTED,
        "invalid port mapping '8000-8010:80': port ranges are not supported");
}

static void binds_are_parsed(void **state) {
    (void)state;
    Error err = {};
    Bind bind = {};
    assert_int_equal(bind_parse("/a/../b:/c//d:ro,rslave", &bind, &err), 0);
    assert_string_equal(bind.source, "/b");
    assert_string_equal(bind.target, "/c/d");
    assert_string_equal(bind.mode, "ro,rslave");
    assert_string_equal(bind.propagation, "rslave");
    assert_true(bind.read_only);
    bind_done(&bind);
    assert_int_equal(bind_parse("./here:/c", &bind, &err), 0);
    autofree char *directory = getcwd(NULL, 0);
    autofree char *expected = text_format("%s/here", directory);
    assert_string_equal(bind.source, expected);
    assert_string_equal(bind.mode, "");
    assert_string_equal(bind.propagation, "");
    assert_false(bind.read_only);
    bind_done(&bind);
}

static void bad_binds_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int code;
    } rows[] = {
        {"", ERROR_UNSUPPORTED},
        {"/data", ERROR_UNSUPPORTED},      // an anonymous volume
        {"name:/data", ERROR_UNSUPPORTED}, // a named one
        {"/a:b", ERROR_INVALID},
        {"/a:/", ERROR_INVALID},
        {"/a:/..", ERROR_INVALID},
        {"/a:/b:rx", ERROR_INVALID},
        {"/a:/b:ro:x", ERROR_INVALID},
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        Bind bind = {};
        Error err = {};
        assert_int_equal(bind_parse(rows[i].text, &bind, &err), rows[i].code);
        assert_null(bind.source);
    }
}

static void references_are_shortened_and_tagged(void **state) {
    (void)state;
    static const struct {
        const char *text, *familiar, *host;
    } rows[] = {
        {"busybox", "busybox:latest", "docker.io"},
        {"docker.io/library/busybox:1", "busybox:1", "docker.io"},
        {"user/x", "user/x:latest", "docker.io"},
        {"index.docker.io/user/x", "user/x:latest", "docker.io"},
        {"localhost/x", "localhost/x:latest", "localhost"},
        {"localhost:5000/x", "localhost:5000/x:latest", "localhost:5000"},
        {"r.example/a/b@sha256:00", "r.example/a/b@sha256:00", "r.example"},
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        autofree char *familiar = reference_familiar(rows[i].text);
        autofree char *host = reference_host(rows[i].text);
        assert_string_equal(familiar, rows[i].familiar);
        assert_string_equal(host, rows[i].host);
    }
    assert_false(reference_has_tag("localhost:5000/x"));
    assert_true(reference_has_tag("localhost:5000/x:1"));
}

static void moments_are_times_or_durations(void **state) {
    (void)state;
    setenv("TZ", "UTC0", 1);
    static const int64_t now = 2000000000 * TIME_SECOND;
    static const struct {
        const char *text;
        int64_t expected;
    } rows[] = {
        {"1357133017", 1357133017 * TIME_SECOND},
        {"1357133017.5", 1357133017 * TIME_SECOND + TIME_SECOND / 2},
        {"2013-01-02T13:23:37Z", 1357133017 * TIME_SECOND},
        {"2013-01-02T13:23:37", 1357133017 * TIME_SECOND},
        {"2013-01-02T14:23:37+01:00", 1357133017 * TIME_SECOND},
        {"2013-01-02T13:23:37.000000001Z", 1357133017 * TIME_SECOND + 1},
        {"2013-01-02T13:23", 1357132980 * TIME_SECOND},
        {"2013-01-02", 1357084800 * TIME_SECOND},
        {"10m", 2000000000 * TIME_SECOND - 600 * TIME_SECOND},
        {"1h30m", 2000000000 * TIME_SECOND - 5400 * TIME_SECOND},
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        Error err = {};
        int64_t moment = 0;
        assert_int_equal(moment_parse(rows[i].text, "since", now, &moment, &err), 0);
        assert_int_equal(moment, rows[i].expected);
    }
    static const char *const bad[] = {"", "yesterday", "2013-13-02", "12x", "2013-01-02T25:00:00Z"};
    for (size_t i = 0; i < array_size(bad); i++) {
        Error err = {};
        int64_t moment = 0;
        assert_int_equal(moment_parse(bad[i], "since", now, &moment, &err), ERROR_INVALID);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(env_file_skips_comments_and_keeps_values_as_they_are),
        TEST(env_file_takes_bare_names_from_the_caller),
        TEST(env_file_refuses_bad_names),
        TEST(ports_are_parsed_as_docker_does),
        TEST(bad_ports_are_refused),
        TEST(binds_are_parsed),
        TEST(bad_binds_are_refused),
        TEST(references_are_shortened_and_tagged),
        TEST(moments_are_times_or_durations),
    };
    return RUN(tests);
}
