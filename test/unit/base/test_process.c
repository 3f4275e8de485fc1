// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "base/process.h"
#include "base/time.h"
#include "test.h"

#define ARGV(...) ((const char *const[]){__VA_ARGS__, NULL})

static int run(const char *const *argv, Text *ret, int *ret_status, Error *err) {
    ProcessSpawn spawn = PROCESS_SPAWN_INIT;
    spawn.argv = argv;
    return process_run(&spawn, 1000, 10 * TIME_SECOND, ret, ret_status, err);
}

static void collects_output_and_status(void **state) {
    autodone(Text) out = {};
    int status;
    Error err = {};
    assert_int_equal(run(ARGV("/bin/sh", "-c", "echo hello; exit 3"), &out, &status, &err), 0);
    assert_string_equal(out.data, "hello\n");
    assert_int_equal(process_exit_code(status), 3);
}

static void a_signal_is_128_and_its_number(void **state) {
    autodone(Text) out = {};
    int status;
    Error err = {};
    assert_int_equal(run(ARGV("/bin/sh", "-c", "kill -TERM $$"), &out, &status, &err), 0);
    assert_int_equal(process_exit_code(status), 128 + SIGTERM);
}

static void output_is_bounded(void **state) {
    autodone(Text) out = {};
    int status;
    Error err = {};
    int r = run(ARGV("/bin/sh", "-c", "while :; do echo more; done"), &out, &status, &err);
    assert_failed(r, err, ERROR_EXHAUSTED, "'/bin/sh': answered more than 1000 bytes");
}

static void a_slow_child_is_killed(void **state) {
    ProcessSpawn spawn = PROCESS_SPAWN_INIT;
    spawn.argv = ARGV("/bin/sleep", "60");
    autodone(Text) out = {};
    int status;
    Error err = {};
    int64_t before = time_monotonic();
    int r = process_run(&spawn, 10, 50 * TIME_MILLISECOND, &out, &status, &err);
    assert_failed(r, err, ERROR_TIMEOUT, "'/bin/sleep': no answer in time");
    assert_true(time_monotonic() - before < 5 * TIME_SECOND);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static void a_missing_program_is_not_found(void **state) {
    autodone(Text) out = {};
    int status;
    Error err = {};
    int r = run(ARGV("/no/such/program"), &out, &status, &err);
    assert_failed(
        r, err, ERROR_NOT_FOUND, "cannot run '/no/such/program': no such file or directory");
}

static void descriptors_arrive_in_their_places(void **state) {
    int ends[2], more[2];
    Error err = {};
    assert_int_equal(pipe(ends), 0);
    /* the wrong way round and with low numbers: naive dup2 calls would overwrite one by the other
     */
    more[0] = ends[1];
    more[1] = ends[0];
    ProcessSpawn spawn = PROCESS_SPAWN_INIT;
    spawn.argv = ARGV("/bin/sh", "-c", "echo 3 >&3; test ! -e /proc/self/fd/5");
    spawn.more_fds = more;
    spawn.more_fds_n = 2;
    pid_t pid;
    int status;
    assert_int_equal(process_spawn(&spawn, &pid, &err), 0);
    assert_int_equal(process_wait(pid, 10 * TIME_SECOND, &status, &err), 0);
    assert_int_equal(process_exit_code(status), 0);
    char bytes[2];
    assert_int_equal(read(ends[0], bytes, 2), 2);
    assert_memory_equal(bytes, "3\n", 2);
    close(ends[0]);
    close(ends[1]);
}

static void the_child_starts_with_a_clean_slate(void **state) {
    sigset_t set, old;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, &old);
    signal(SIGPIPE, SIG_IGN);
    autodone(Text) out = {};
    int status;
    Error err = {};
    const char *const *argv = ARGV("/bin/sh", "-c", "grep SigBlk /proc/self/status; kill -PIPE $$");
    assert_int_equal(run(argv, &out, &status, &err), 0);
    assert_string_equal(out.data, "SigBlk:\t0000000000000000\n");
    assert_int_equal(process_exit_code(status), 128 + SIGPIPE);
    sigprocmask(SIG_SETMASK, &old, NULL);
    signal(SIGPIPE, SIG_DFL);
}

static void waiting_has_an_end(void **state) {
    ProcessSpawn spawn = PROCESS_SPAWN_INIT;
    spawn.argv = ARGV("/bin/sleep", "60");
    pid_t pid;
    int status;
    Error err = {};
    assert_int_equal(process_spawn(&spawn, &pid, &err), 0);
    assert_int_equal(process_wait(pid, 10 * TIME_MILLISECOND, &status, &err), ERROR_TIMEOUT);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(process_wait(pid, -1, &status, &err), 0);
    assert_int_equal(process_exit_code(status), 137);
}

static void start_time_tells_processes_apart(void **state) {
    uint64_t mine, again;
    Error err = {};
    assert_int_equal(process_start_time(getpid(), &mine, &err), 0);
    assert_int_equal(process_start_time(getpid(), &again, &err), 0);
    assert_true(mine > 0 && mine == again);
    assert_true(process_is_alive(getpid(), mine));
    assert_false(process_is_alive(getpid(), mine + 1));
    assert_false(process_is_alive(0, 0));
    assert_int_equal(process_start_time(1 << 30, &mine, &err), ERROR_NOT_FOUND);
}

static void signals_have_names_and_numbers(void **state) {
    static const struct {
        const char *text;
        int number;
    } rows[] = {{"KILL", 9}, {"SIGKILL", 9}, {"sigterm", 15}, {"9", 9}, {"RTMIN", 34},
        {"RTMIN+3", 37}, {"SIGRTMAX-2", 62}, {"64", 64}};
    static const char *const bad[] = {
        "", "0", "-9", "65", "NOPE", "SIG", "9x", "RTMIN-1", "RTMIN+", "RTMIN+31"};
    for (size_t i = 0; i < array_size(rows); i++) {
        int number = 0;
        Error err = {};
        assert_int_equal(signal_parse(rows[i].text, &number, &err), 0);
        assert_int_equal(number, rows[i].number);
    }
    for (size_t i = 0; i < array_size(bad); i++) {
        int number = 0;
        Error err = {};
        assert_int_equal(signal_parse(bad[i], &number, &err), ERROR_INVALID);
    }
    assert_string_equal(signal_name(SIGKILL), "SIGKILL");
    assert_null(signal_name(40));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(collects_output_and_status),
        TEST(a_signal_is_128_and_its_number),
        TEST(output_is_bounded),
        TEST(a_slow_child_is_killed),
        TEST(a_missing_program_is_not_found),
        TEST(descriptors_arrive_in_their_places),
        TEST(the_child_starts_with_a_clean_slate),
        TEST(waiting_has_an_end),
        TEST(start_time_tells_processes_apart),
        TEST(signals_have_names_and_numbers),
    };
    return RUN(tests);
}
