// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "cli/environment.h"
#include "cli/moment.h"
#include "cli/mount.h"
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

static void volumes_are_parsed(void **state) {
    (void)state;
    autofree char *directory = getcwd(NULL, 0);
    autofree char *here = text_format("%s/here", directory);
    const struct {
        const char *text, *type, *origin, *source, *volume, *target, *mode, *propagation;
        bool read_only, no_copy;
    } rows[] = {
        {"/a/../b:/c//d:ro,rslave", "bind", "", "/b", NULL, "/c/d", "ro,rslave", "rslave", true},
        {"./here:/c", "bind", "", here, NULL, "/c", "", ""},
        {"/a:/b:Z,cached", "bind", "", "/a", NULL, "/b", "Z,cached", ""},
        {"name:/data", "volume", "", NULL, "name", "/data", "", ""},
        {"name:/data:nocopy,ro,z", "volume", "", NULL, "name", "/data", "nocopy,ro,z", "", true,
            true},
        {"/data/", "volume", "path", NULL, NULL, "/data", "", ""},
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        autodone(Mount) mount = {};
        Error err = {};
        assert_int_equal(mount_parse_volume(rows[i].text, &mount, &err), 0);
        assert_string_equal(mount.type, rows[i].type);
        assert_string_equal(mount.origin, rows[i].origin);
        assert_true(text_equal(mount.source, rows[i].source));
        assert_true(text_equal(mount.volume, rows[i].volume));
        assert_string_equal(mount.target, rows[i].target);
        assert_string_equal(mount.mode, rows[i].mode);
        assert_string_equal(mount.propagation, rows[i].propagation);
        assert_int_equal(mount.read_only, rows[i].read_only);
        assert_int_equal(mount.no_copy, rows[i].no_copy);
    }
}

static void bad_volumes_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *text, *words;
    } rows[] = {
        {"", "invalid empty volume spec"},
        {":/x", "invalid spec: :/x: empty section between colons"},
        {"a:", "invalid spec: a:: empty section between colons"},
        {"/a::ro", "empty section between colons"},
        {"relative", "mount path must be absolute"},
        {"/a:b", "mount path must be absolute"},
        {"/a:/", "destination can't be '/'"},
        {"/a:/..", "destination can't be '/'"},
        {"/", "destination can't be '/'"},
        {"/a:/b:rx", "invalid mode: rx"},
        {"/a:/b:nocopy", "invalid mode: nocopy"},
        {"name:/b:rshared", "invalid mode: rshared"},
        {"/a:/b:ro:x", "invalid volume specification '/a:/b:ro:x'"},
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        Mount mount = {};
        Error err = {};
        assert_int_equal(mount_parse_volume(rows[i].text, &mount, &err), ERROR_INVALID);
        assert_non_null(strstr(err.message, rows[i].words));
        assert_null(mount.target);
    }
}

static void mounts_are_parsed(void **state) {
    (void)state;
    const struct {
        const char *text, *type, *source, *volume, *target, *options, *propagation;
        bool read_only, no_copy, strict;
    } rows[] = {
        {"dst=/x", "volume", NULL, NULL, "/x", NULL, ""},
        {"type=volume,src=v,target=/x/,readonly,volume-nocopy=true", "volume", NULL, "v", "/x",
            NULL, "", true, true},
        {"type=BIND,source=/a/../b,destination=/x,ro=false,bind-propagation=rshared", "bind", "/b",
            NULL, "/x", NULL, "rshared", false, false, true},
        {"type=bind,source=/a,dst=/x,bind-create-src,consistency=cached,bind-recursive=enabled",
            "bind", "/a", NULL, "/x", NULL, ""},
        {"type=tmpfs,dst=/x,tmpfs-size=1m,tmpfs-mode=1770", "tmpfs", NULL, NULL, "/x",
            "size=1048576,mode=1770", ""},
        {"\"src=v\",\"dst=/a,\"\"b\"\"\"", "volume", NULL, "v", "/a,\"b\"", NULL, ""},
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        autodone(Mount) mount = {};
        Error err = {};
        if (mount_parse_option(rows[i].text, &mount, &err) < 0)
            fail_msg("%s", err.message);
        assert_string_equal(mount.type, rows[i].type);
        assert_string_equal(mount.origin, "mount");
        assert_true(text_equal(mount.source, rows[i].source));
        assert_true(text_equal(mount.volume, rows[i].volume));
        assert_string_equal(mount.target, rows[i].target);
        assert_true(text_equal(mount.options, rows[i].options));
        assert_string_equal(mount.propagation, rows[i].propagation);
        assert_int_equal(mount.read_only, rows[i].read_only);
        assert_int_equal(mount.no_copy, rows[i].no_copy);
        assert_int_equal(mount.strict, rows[i].strict);
    }
    autodone(Mount) mount = {};
    Error err = {};
    assert_int_equal(mount_parse_option("dst=/x,volume-driver=local,volume-label=a=b,"
                                        "volume-opt=type=tmpfs,\"volume-opt=o=size=1m,uid=7\"",
                         &mount, &err),
        0);
    assert_string_equal(mount.driver, "local");
    assert_string_equal(mount.volume_labels.item[0], "a=b");
    assert_int_equal(mount.volume_options.n, 2);
    assert_string_equal(mount.volume_options.item[1], "o=size=1m,uid=7");
    mount_done(&mount);
    assert_int_equal(mount_parse_option("src=v,dst=/x,volume-subpath=a/b", &mount, &err), 0);
    assert_string_equal(mount.subpath, "a/b");
}

static void bad_mounts_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *text, *words;
        int code;
    } rows[] = {
        {"", "value is empty", ERROR_INVALID},
        {"type=volume,src=v", "target is required", ERROR_INVALID},
        {"type=volume,dst=x", "mount path must be absolute", ERROR_INVALID},
        {"type=nope,dst=/x", "mount type unknown: \"nope\"", ERROR_INVALID},
        {"type=image,src=i,dst=/x", "mounts of type 'image' are not supported", ERROR_UNSUPPORTED},
        {"src,dst=/x", "invalid field 'src' must be a key=value pair", ERROR_INVALID},
        {"colour=red,dst=/x", "unexpected key 'colour' in 'colour=red'", ERROR_INVALID},
        {"dst=/x,readonly=maybe", "invalid value for readonly: maybe", ERROR_INVALID},
        {"dst=/x,volume-subpath", "must be a key=value pair", ERROR_INVALID},
        {"type=bind,dst=/x", "field Source must not be empty", ERROR_INVALID},
        {"type=tmpfs,src=/a,dst=/x", "field Source must not be specified", ERROR_INVALID},
        {"type=tmpfs,dst=/x,tmpfs-mode=9", "invalid value for tmpfs-mode: 9", ERROR_INVALID},
        {"type=tmpfs,dst=/x,tmpfs-size=z", "invalid value for tmpfs-size: z", ERROR_INVALID},
        {"type=bind,src=/a,dst=/x,volume-nocopy",
            "cannot mix 'volume-*' options with mount type 'bind'", ERROR_INVALID},
        {"dst=/x,bind-propagation=slave", "cannot mix 'bind-*' options with mount type 'volume'",
            ERROR_INVALID},
        {"dst=/x,tmpfs-size=1", "cannot mix 'tmpfs-*' options", ERROR_INVALID},
        {"type=bind,src=/a,dst=/x,bind-recursive=disabled", "not supported", ERROR_UNSUPPORTED},
        {"\"dst=/x", "quoted field", ERROR_INVALID},
        {"\"dst=/x\"y", "quoted field", ERROR_INVALID},
        {"dst=\"/x\"", "bare \" in non-quoted field", ERROR_INVALID},
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        Mount mount = {};
        Error err = {};
        assert_int_equal(mount_parse_option(rows[i].text, &mount, &err), rows[i].code);
        assert_non_null(strstr(err.message, rows[i].words));
        assert_non_null(strstr(err.message, "for \"--mount\" flag"));
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
        TEST(volumes_are_parsed),
        TEST(bad_volumes_are_refused),
        TEST(mounts_are_parsed),
        TEST(bad_mounts_are_refused),
        TEST(references_are_shortened_and_tagged),
        TEST(moments_are_times_or_durations),
    };
    return RUN(tests);
}
