// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/path.h"
#include "test.h"

static void reads_to_the_limit_and_no_further(void **state) {
    int ends[2];
    Error err = {};
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(fd_write_all(ends[1], "12345", 5, &err), 0);
    close(ends[1]);
    autodone(Text) text = {};
    int r = fd_read_all(ends[0], 4, &text, &err);
    assert_failed(r, err, ERROR_EXHAUSTED, "longer than 4 bytes");
    close(ends[0]);
}

static void an_early_end_is_an_error(void **state) {
    int ends[2];
    Error err = {};
    char bytes[4];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(fd_write_all(ends[1], "123", 3, &err), 0);
    close(ends[1]);
    int r = fd_read_exactly(ends[0], bytes, 4, &err);
    assert_failed(r, err, ERROR_UNAVAILABLE, "unexpected end of data");
    close(ends[0]);
}

static void descriptors_travel_and_stay_cloexec(void **state) {
    int pair[2], received;
    Error err = {};
    struct stat sent_stat, received_stat;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(fd_send(pair[0], pair, 1, &err), 0);
    assert_int_equal(fd_receive(pair[1], &received, &err), 0);
    assert_int_equal(fstat(pair[0], &sent_stat), 0);
    assert_int_equal(fstat(received, &received_stat), 0);
    assert_int_equal(sent_stat.st_ino, received_stat.st_ino);
    assert_int_equal(fcntl(received, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    close(received);
    close(pair[0]);
    assert_int_equal(fd_receive(pair[1], &received, &err), ERROR_UNAVAILABLE);
    close(pair[1]);
}

/* As many names as open descriptors of this process. */
static int open_descriptors(void) {
    int n = 0;
    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static void a_peer_cannot_fill_our_table(void **state) {
    int pair[2], received;
    Error err = {};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    int many[8] = {0, 0, 0, 0, 0, 0, 0, 0};
    int before = open_descriptors();
    assert_int_equal(fd_send(pair[0], many, 8, &err), 0);
    assert_int_equal(fd_receive(pair[1], &received, &err), 0);
    assert_int_equal(open_descriptors(), before + 1);
    close(received);
    close(pair[0]);
    close(pair[1]);
}

static void sockets_work_under_long_names(void **state) {
    char top[] = "/tmp/tare-test-fd-XXXXXX";
    Error err = {};
    assert_non_null(mkdtemp(top));
    autofree char *deep = text_format("%s/%0*d", top, 150, 7);
    assert_int_equal(file_make_dirs(deep, 0700, &err), 0);
    autofree char *path = path_join(deep, "socket");
    assert_true(strlen(path) > 108);
    int listener, client;
    struct stat st;
    assert_int_equal(fd_listen(path, 0600, 1, &listener, &err), 0);
    assert_int_equal(fd_connect(path, &client, &err), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    close(client);
    close(listener);
    assert_int_equal(fd_connect(path, &client, &err), ERROR_UNAVAILABLE);
    assert_int_equal(file_remove_tree(AT_FDCWD, top, &err), 0);
    assert_int_equal(fd_connect(path, &client, &err), ERROR_NOT_FOUND);
}

static void flags_are_set_and_cleared(void **state) {
    int ends[2];
    Error err = {};
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(fd_set_cloexec(ends[0], false, &err), 0);
    assert_int_equal(fcntl(ends[0], F_GETFD), 0);
    assert_int_equal(fd_set_nonblocking(ends[0], true, &err), 0);
    char byte;
    assert_int_equal(read(ends[0], &byte, 1), -1);
    close(ends[0]);
    close(ends[1]);
    assert_true(fd_set_cloexec(ends[0], true, &err) < 0);
}

static void all_but_a_few_are_closed(void **state) {
    Error err = {};
    int keep[] = {203, -1, 201, 7};
    for (int fd = 200; fd < 206; fd++)
        assert_int_equal(dup2(0, fd), fd);
    assert_int_equal(fd_close_others(200, keep, sizeof keep / sizeof *keep, &err), 0);
    for (int fd = 200; fd < 206; fd++)
        assert_int_equal(fcntl(fd, F_GETFD) >= 0, fd == 201 || fd == 203);
    assert_true(fcntl(0, F_GETFD) >= 0);
    close(201);
    close(203);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(all_but_a_few_are_closed),
        TEST(reads_to_the_limit_and_no_further),
        TEST(an_early_end_is_an_error),
        TEST(descriptors_travel_and_stay_cloexec),
        TEST(a_peer_cannot_fill_our_table),
        TEST(sockets_work_under_long_names),
        TEST(flags_are_set_and_cleared),
    };
    return RUN(tests);
}
