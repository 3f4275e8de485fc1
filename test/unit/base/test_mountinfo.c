// SPDX-License-Identifier: Apache-2.0
#include "base/cleanup.h"
#include "base/mountinfo.h"
#include "base/text.h"
#include "test.h"

static void cuts_with_any_number_of_optional_fields(void **state) {
    static const char *const optional[] = {"", "master:1 ", "shared:2 master:1 unbindable "};
    for (size_t i = 0; i < sizeof optional / sizeof *optional; i++) {
        autofree char *text = text_format(
            "36 35 98:0 /r /p\\040q rw,noatime %s- cgroup none rw,cpu,cpuacct", optional[i]);
        MountLine line;
        assert_true(mount_line_cut(text, &line));
        assert_string_equal(line.root, "/r");
        assert_string_equal(line.point, "/p\\040q");
        assert_string_equal(line.type, "cgroup");
        assert_string_equal(line.options, "rw,cpu,cpuacct");
    }
}

static void refuses_what_is_cut_short(void **state) {
    static const char *const lines[] = {"", "36 35 98:0 /r /p rw", "36 35 - cgroup none rw",
        "36 35 98:0 /r - cgroup none rw", "36 35 98:0 /r /p rw - cgroup none", " - ", " - a b c"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        autofree char *text = text_copy(lines[i]);
        MountLine line;
        assert_false(mount_line_cut(text, &line));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(cuts_with_any_number_of_optional_fields),
        TEST(refuses_what_is_cut_short),
    };
    return RUN(tests);
}
