// SPDX-License-Identifier: Apache-2.0
#include "base/cleanup.h"
#include "base/path.h"
#include "base/text.h"
#include "test.h"

static void cleans_as_go_does(void **state) {
    static const char *const rows[][2] = {
        {"", "."},
        {"/", "/"},
        {"//", "/"},
        {"a//b/./c/", "a/b/c"},
        {"/a/../b", "/b"},
        {"/..", "/"},
        {"/../../a", "/a"},
        {"..", ".."},
        {"../..", "../.."},
        {"a/..", "."},
        {"a/../..", ".."},
        {"../a/../b", "../b"},
        {"./a", "a"},
        {"/a/b/../../..", "/"},
        {"...", "..."},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        autofree char *clean = path_clean(rows[i][0]);
        assert_string_equal(clean, rows[i][1]);
    }
}

static void joins_with_one_slash(void **state) {
    static const char *const rows[][3] = {
        {"/a", "b", "/a/b"},
        {"/a/", "/b", "/a/b"},
        {"/", "b", "/b"},
        {"", "b", "b"},
        {"a//", "//b/c", "a/b/c"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        autofree char *joined = path_join(rows[i][0], rows[i][1]);
        assert_string_equal(joined, rows[i][2]);
    }
}

static void takes_apart(void **state) {
    autofree char *top = path_parent("/a"), *deep = path_parent("/a/b"), *bare = path_parent("a");
    assert_string_equal(top, "/");
    assert_string_equal(deep, "/a");
    assert_string_equal(bare, ".");
    assert_string_equal(path_name("/a/b"), "b");
    assert_string_equal(path_name("b"), "b");
}

static void within_counts_whole_components(void **state) {
    assert_true(path_is_within("/a/b", "/a"));
    assert_true(path_is_within("/a", "/a"));
    assert_false(path_is_within("/ab", "/a"));
    assert_false(path_is_within("/", "/a"));
    assert_true(path_is_within("/x", "/"));
    assert_false(path_is_within("x", "/"));
}

static void absolute_starts_where_we_are(void **state) {
    autofree char *here = path_absolute("."), *kept = path_absolute("/x/../y");
    assert_true(path_is_absolute(here));
    assert_string_equal(kept, "/y");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(cleans_as_go_does),
        TEST(joins_with_one_slash),
        TEST(takes_apart),
        TEST(within_counts_whole_components),
        TEST(absolute_starts_where_we_are),
    };
    return RUN(tests);
}
