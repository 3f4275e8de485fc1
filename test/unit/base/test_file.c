// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/file.h"
#include "test.h"

/* Each test works in a fresh directory `dir` that holds `root/`, a tree as an image may bring it,
 * and `canary`, which nothing may reach from inside root. */
typedef struct Fixture {
    char path[64];
    int dir, root;
} Fixture;

static int set_up(void **state) {
    Fixture *f = calloc(1, sizeof *f);
    strcpy(f->path, "/tmp/tare-test-file-XXXXXX");
    assert_non_null(mkdtemp(f->path));
    f->dir = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(mkdirat(f->dir, "root", 0755), 0);
    assert_int_equal(mkdirat(f->dir, "canary", 0755), 0);
    f->root = openat(f->dir, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(f->dir >= 0 && f->root >= 0);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    Fixture *f = *state;
    Error err = {};
    assert_int_equal(file_remove_tree(AT_FDCWD, f->path, &err), 0);
    close(f->root);
    close(f->dir);
    free(f);
    return 0;
}

static void write_replaces_whole_and_keeps_the_mode(void **state) {
    Fixture *f = *state;
    Error err = {};
    struct stat st;
    assert_int_equal(file_write(f->dir, "a", "first", 5, 0640, false, &err), 0);
    assert_int_equal(file_write(f->dir, "a", "second", 6, 0600, true, &err), 0);
    autodone(Text) text = {};
    assert_int_equal(file_read(f->dir, "a", 100, &text, &err), 0);
    assert_string_equal(text.data, "second");
    assert_int_equal(fstatat(f->dir, "a", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(st.st_nlink, 1);
}

static void write_new_leaves_what_is_there(void **state) {
    Fixture *f = *state;
    Error err = {};
    assert_int_equal(file_write_new(f->dir, "a", "first", 5, 0600, &err), 0);
    assert_int_equal(file_write_new(f->dir, "a", "second", 6, 0600, &err), ERROR_EXISTS);
    autodone(Text) text = {};
    assert_int_equal(file_read(f->dir, "a", 100, &text, &err), 0);
    assert_string_equal(text.data, "first");
}

static void read_is_bounded_and_wants_regular_files(void **state) {
    Fixture *f = *state;
    Error err = {};
    autodone(Text) text = {};
    assert_int_equal(file_write(f->dir, "a", "12345", 5, 0600, false, &err), 0);
    int r = file_read(f->dir, "a", 4, &text, &err);
    assert_failed(r, err, ERROR_EXHAUSTED, "cannot read 'a': longer than 4 bytes");
    assert_int_equal(mkfifoat(f->dir, "fifo", 0600), 0);
    r = file_read(f->dir, "fifo", 4, &text, &err);
    assert_failed(r, err, ERROR_INVALID, "cannot read 'fifo': not a regular file");
    r = file_read(f->dir, "none", 4, &text, &err);
    assert_failed(r, err, ERROR_NOT_FOUND, "cannot open 'none': no such file or directory");
}

static void symlinks_resolve_inside_the_root(void **state) {
    Fixture *f = *state;
    Error err = {};
    autoclose int fd = -1;
    assert_int_equal(mkdirat(f->root, "etc", 0755), 0);
    assert_int_equal(symlinkat("/etc", f->root, "absolute"), 0);
    assert_int_equal(symlinkat("../../../../canary", f->root, "climbing"), 0);
    assert_int_equal(file_open_in(f->root, "absolute", O_PATH, 0, &fd, &err), 0);
    struct stat through, direct;
    assert_int_equal(fstat(fd, &through), 0);
    assert_int_equal(fstatat(f->root, "etc", &direct, 0), 0);
    assert_int_equal(through.st_ino, direct.st_ino);
    int other;
    assert_int_equal(file_open_in(f->root, "climbing", O_PATH, 0, &other, &err), ERROR_NOT_FOUND);
    assert_int_equal(file_open_in(f->root, "../canary", O_PATH, 0, &other, &err), ERROR_NOT_FOUND);
}

static void directories_are_made_inside_the_root(void **state) {
    Fixture *f = *state;
    Error err = {};
    autofree char *target = text_format("%s/canary", f->path);
    assert_int_equal(symlinkat(target, f->root, "link"), 0);
    int fd = -1;
    /* the link names a path that is missing inside the root: it is made there, not where it leads
     */
    assert_int_equal(file_make_dirs_in(f->root, "link/x", 0755, &fd, &err), 0);
    assert_int_equal(close(fd), 0);
    assert_false(file_exists(f->dir, "canary/x"));
    autofree char *made = text_format("./%s/x", target);
    assert_true(file_exists(f->root, made));
    assert_int_equal(symlinkat("loop", f->root, "loop"), 0);
    assert_true(file_make_dirs_in(f->root, "loop/x", 0755, &fd, &err) < 0);
    assert_int_equal(mkdirat(f->root, "real", 0755), 0);
    assert_int_equal(symlinkat("/real", f->root, "inside"), 0);
    assert_int_equal(file_make_dirs_in(f->root, "inside/../inside/a/b", 0700, &fd, &err), 0);
    assert_int_equal(close(fd), 0);
    assert_true(file_exists(f->root, "real/a/b"));
}

static void beneath_refuses_every_symlink(void **state) {
    Fixture *f = *state;
    Error err = {};
    int fd;
    assert_int_equal(mkdirat(f->root, "etc", 0755), 0);
    assert_int_equal(symlinkat("etc", f->root, "link"), 0);
    assert_true(file_open_beneath(f->root, "link", O_RDONLY, 0, &fd, &err) < 0);
    assert_true(file_open_beneath(f->root, "../canary", O_RDONLY, 0, &fd, &err) < 0);
    assert_true(file_open_beneath(f->root, "/etc", O_RDONLY, 0, &fd, &err) < 0);
    assert_int_equal(file_open_beneath(f->root, "etc", O_RDONLY, 0, &fd, &err), 0);
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    close(fd);
}

static void remove_tree_does_not_follow_links(void **state) {
    Fixture *f = *state;
    Error err = {};
    assert_int_equal(file_write(f->dir, "canary/file", "x", 1, 0600, false, &err), 0);
    assert_int_equal(file_make_dirs_at(f->root, "a/b/c", 0755, &err), 0);
    assert_int_equal(symlinkat("../../../canary", f->root, "a/b/out"), 0);
    assert_int_equal(file_remove_tree(f->root, "a", &err), 0);
    assert_false(file_exists(f->root, "a"));
    assert_true(file_exists(f->dir, "canary/file"));
    assert_int_equal(file_remove_tree(f->root, "a", &err), 0);
    assert_int_equal(file_remove(f->root, "a", &err), 0);
}

/* Also of a directory on the same file system. */
static void remove_tree_does_not_cross_mounts(void **state) {
    Fixture *f = *state;
    Error err = {};
    int here = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    assert_int_equal(file_make_dirs_at(f->root, "a/b", 0700, &err), 0);
    assert_int_equal(file_make_dirs_at(f->dir, "canary/kept", 0700, &err), 0);
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
        close(here);
        skip();
    }
    assert_int_equal(chdir(f->path), 0); /* as it is in this namespace */
    int mounted = mount("canary", "root/a/b", NULL, MS_BIND, NULL);
    int removed = file_remove_tree(AT_FDCWD, "root", &err);
    assert_int_equal(setns(here, CLONE_NEWNS), 0); /* to its root directory, too */
    close(here);
    assert_int_equal(mounted, 0);
    assert_int_equal(removed, ERROR_STATE);
    assert_string_equal(err.message, "cannot remove 'b': something is mounted there");
    assert_true(file_exists(f->dir, "canary/kept"));
}

static void remove_tree_needs_few_descriptors(void **state) {
    Fixture *f = *state;
    Error err = {};
    struct rlimit old, few = {200, 200};
    int fd = dup(f->root);
    for (int depth = 0; depth < 3000; depth++) {
        assert_int_equal(mkdirat(fd, "side", 0755), 0);
        assert_int_equal(mkdirat(fd, "deeper", 0755), 0);
        int next = openat(fd, "deeper", O_RDONLY | O_DIRECTORY);
        close(fd);
        fd = next;
    }
    close(fd);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    few.rlim_max = old.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    assert_int_equal(file_remove_tree(f->dir, "root", &err), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_false(file_exists(f->dir, "root"));
    assert_true(file_exists(f->dir, "canary"));
}

static void make_dirs_says_what_is_in_the_way(void **state) {
    Fixture *f = *state;
    Error err = {};
    assert_int_equal(file_write(f->dir, "file", "x", 1, 0600, false, &err), 0);
    int r = file_make_dirs_at(f->dir, "file", 0755, &err);
    assert_failed(r, err, ERROR_INVALID, "cannot make directory 'file': not a directory");
    struct stat st;
    assert_int_equal(file_make_dirs_at(f->dir, "x/y", 0700, &err), 0);
    assert_int_equal(file_make_dirs_at(f->dir, "x/y", 0700, &err), 0);
    assert_int_equal(fstatat(f->dir, "x/y", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
}

static void kernel_files_must_exist(void **state) {
    Fixture *f = *state;
    Error err = {};
    assert_int_equal(file_write_kernel(f->dir, "memory.max", "1", &err), ERROR_NOT_FOUND);
    assert_false(file_exists(f->dir, "memory.max"));
}

#define IN_DIRECTORY(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_DIRECTORY(write_replaces_whole_and_keeps_the_mode),
        IN_DIRECTORY(write_new_leaves_what_is_there),
        IN_DIRECTORY(read_is_bounded_and_wants_regular_files),
        IN_DIRECTORY(symlinks_resolve_inside_the_root),
        IN_DIRECTORY(directories_are_made_inside_the_root),
        IN_DIRECTORY(beneath_refuses_every_symlink),
        IN_DIRECTORY(remove_tree_does_not_follow_links),
        IN_DIRECTORY(remove_tree_does_not_cross_mounts),
        IN_DIRECTORY(remove_tree_needs_few_descriptors),
        IN_DIRECTORY(make_dirs_says_what_is_in_the_way),
        IN_DIRECTORY(kernel_files_must_exist),
    };
    return RUN(tests);
}
