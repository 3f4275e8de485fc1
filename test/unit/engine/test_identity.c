// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "engine/container/spec/identity.h"

#include <cmocka.h>

static char directory[32];
static int root;

#define PASSWD                                                                                     \
    "root:x:0:0:root:/root:/bin/sh\n"                                                              \
    "broken\n"                                                                                     \
    "alice:x:1000:1001::/home/alice:/bin/sh\n"                                                     \
    "homeless:x:1002:1002:::\n"                                                                    \
    "4294967296:x:0:0:evil:/evil:\n"                                                               \
    "1234:x:0:0:evil:/evil:\n"                                                                     \
    "minus:x:-1:0::/:\n"                                                                           \
    "huge:x:4294967295:0::/:\n"                                                                    \
    "last:x:2000:2000::/last:/bin/sh" /* no newline */
#define GROUP                                                                                      \
    "root:x:0:root\n"                                                                              \
    "wheel:x:10:root,alice\n"                                                                      \
    "alice:x:1001:\n"                                                                              \
    "again:x:10:alice\n"                                                                           \
    "77:x:0:\n"                                                                                    \
    "audio:x:29:bob,alice\n"

static void write_file(const char *name, const char *text) {
    Error err = {};
    assert_int_equal(file_write(root, name, text, strlen(text), 0644, false, &err), 0);
}

static int set_up(void **state) {
    Error err = {};
    strcpy(directory, "/tmp/tare-identity-XXXXXX");
    if (!mkdtemp(directory) ||
        file_open(AT_FDCWD, directory, O_RDONLY | O_DIRECTORY, 0, &root, &err) < 0 ||
        mkdirat(root, "etc", 0755) < 0)
        return -1;
    write_file("etc/passwd", PASSWD);
    write_file("etc/group", GROUP);
    return 0;
}

static int tear_down(void **state) {
    Error err = {};
    close(root);
    return file_remove_tree(AT_FDCWD, directory, &err);
}

typedef struct Case {
    const char *user;
    uint32_t uid, gid;
    const char *home;
    uint64_t groups[4];
    size_t groups_n;
} Case;

static void users_are_who_docker_says_they_are(void **state) {
    static const Case cases[] = {
        {"", 0, 0, "/root", {0, 10}, 2},
        {"root", 0, 0, "/root", {0, 10}, 2},
        {"0", 0, 0, "/root", {0, 10}, 2},
        {"0000", 0, 0, "/root", {0, 10}, 2},
        {"alice", 1000, 1001, "/home/alice", {1001, 10, 29}, 3},
        {"1000", 1000, 1001, "/home/alice", {1001, 10, 29}, 3},
        {"alice:10", 1000, 10, "/home/alice", {10}, 1},
        {"alice:wheel", 1000, 10, "/home/alice", {10}, 1},
        {"1000:audio", 1000, 29, "/home/alice", {29}, 1},
        {"homeless", 1002, 1002, "/", {1002}, 1},
        {"last", 2000, 2000, "/last", {2000}, 1},
        {"4242", 4242, 0, "/", {0}, 1},
        {"4242:4343", 4242, 4343, "/", {4343}, 1},
        {"4294967294", 4294967294, 0, "/", {0}, 1},
        /* a number is a number, though passwd and group know these as names */
        {"1234", 1234, 0, "/", {0}, 1},
        {"5:77", 5, 77, "/", {77}, 1},
        {":wheel", 0, 10, "/root", {10}, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        autodone(Identity) identity = {};
        Error err = {};
        if (identity_find(root, cases[i].user, &identity, &err) < 0)
            fail_msg("'%s': %s", cases[i].user, err.message);
        if (identity.uid != cases[i].uid || identity.gid != cases[i].gid)
            fail_msg("'%s' is %u:%u", cases[i].user, identity.uid, identity.gid);
        assert_string_equal(identity.home, cases[i].home);
        assert_int_equal(identity.additional_gids.n, cases[i].groups_n);
        for (size_t j = 0; j < cases[i].groups_n; j++)
            assert_int_equal(identity.additional_gids.item[j], cases[i].groups[j]);
    }
}

static void refused(const char *user, const char *words) {
    autodone(Identity) identity = {};
    Error err = {};
    int r = identity_find(root, user, &identity, &err);
    if (r >= 0)
        fail_msg("'%s' is accepted as %u", user, identity.uid);
    if (!strstr(err.message, words))
        fail_msg("'%s': '%s' lacks '%s'", user, err.message, words);
}

/* CVE-2026-46680, CVE-2024-40635 and their family. */
static void numbers_never_fall_back_to_names(void **state) {
    refused("4294967295", "must be in range");
    refused("4294967296", "must be in range");
    refused("99999999999999999999999", "must be in range");
    refused("1:4294967295", "must be in range");
    refused("-1", "no matching entries in passwd file");
    refused("+0", "no matching entries in passwd file");
    refused(" 0", "no matching entries in passwd file");
    refused("0x0", "no matching entries in passwd file");
}

static void unknown_and_malformed_words_are_refused(void **state) {
    refused("bob", "unable to find user bob: no matching entries in passwd file");
    refused("alice:nope", "unable to find group nope: no matching entries in group file");
    refused("alice:", "invalid user");
    refused("a:b:c", "invalid user");
    refused("minus", "no matching entries");
    refused("huge", "no matching entries");
    refused("broken", "no matching entries");
}

static void missing_files_count_as_empty(void **state) {
    autodone(Identity) identity = {};
    Error err = {};
    unlinkat(root, "etc/passwd", 0);
    unlinkat(root, "etc/group", 0);
    assert_int_equal(identity_find(root, "7:8", &identity, &err), 0);
    assert_int_equal(identity.uid, 7);
    assert_int_equal(identity.gid, 8);
    refused("root", "no matching entries");
}

static void only_regular_files_are_read(void **state) {
    unlinkat(root, "etc/passwd", 0);
    assert_int_equal(mkfifoat(root, "etc/passwd", 0644), 0);
    refused("alice", "not a regular file");
    refused("0", "not a regular file");
    unlinkat(root, "etc/passwd", 0);
    assert_int_equal(mkdirat(root, "etc/passwd", 0755), 0);
    refused("alice", "not a regular file");
}

/* "/etc/passwd -> /evil" means the container's /evil, never the host's. */
static void symlinks_stay_inside_the_root(void **state) {
    autodone(Identity) identity = {};
    Error err = {};
    char outside[64], target[80];
    snprintf(outside, sizeof outside, "%s-outside", directory);
    snprintf(target, sizeof target, "../../../../..%s", outside);
    assert_int_equal(
        file_write(AT_FDCWD, outside, "mallory:x:0:0::/:\n", 18, 0644, false, &err), 0);
    unlinkat(root, "etc/passwd", 0);
    assert_int_equal(symlinkat(target, root, "etc/passwd"), 0);
    refused("mallory", "no matching entries");
    unlinkat(root, "etc/passwd", 0);
    assert_int_equal(symlinkat(outside, root, "etc/passwd"), 0);
    refused("mallory", "no matching entries");
    unlinkat(root, "etc/passwd", 0);
    assert_int_equal(symlinkat("/other", root, "etc/passwd"), 0);
    write_file("other", "mallory:x:5:6::/:\n");
    assert_int_equal(identity_find(root, "mallory", &identity, &err), 0);
    assert_int_equal(identity.uid, 5);
    unlink(outside);
}

static void large_files_are_refused(void **state) {
    autoclose int fd = openat(root, "etc/group", O_WRONLY | O_CLOEXEC);
    assert_int_equal(ftruncate(fd, (10 << 20) + 1), 0);
    refused("alice", "larger than 10 MiB");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(users_are_who_docker_says_they_are),
        TEST(numbers_never_fall_back_to_names),
        TEST(unknown_and_malformed_words_are_refused),
        TEST(missing_files_count_as_empty),
        TEST(only_regular_files_are_read),
        TEST(symlinks_stay_inside_the_root),
        TEST(large_files_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
