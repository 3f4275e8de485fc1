// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "oci/runtime.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/cgroup/hierarchy.h"
#include "runtime/cgroup/limits.h"
#include "test.h"

static void paths_start_where_they_should(void **state) {
    static const struct {
        const char *wanted, *own, *root;
        bool beside;
        const char *path;
    } rows[] = {
        {"/a/b", "/mine", "/", false, "/a/b"},
        {NULL, "/", "/", false, "/id"},
        {"", "/", "/", false, "/id"},
        {NULL, "/mine/deep", "/", false, "/mine/deep/id"},
        {"a", "/mine/deep", "/", false, "/mine/deep/a"},
        {"a", "/mine/deep", "/", true, "/mine/a"},
        {"a", "/", "/", true, "/a"},
        {"/../../a", "/mine", "/", false, "/a"},
        {"../../a", "/mine", "/", false, "/mine/a"},
        {"a", "/docker/123/sub", "/docker/123", false, "/sub/a"}, /* inside a container */
        {"a", "/docker/123", "/docker/123", false, "/a"},
        {"a", "/elsewhere", "/docker/123", false, "/a"},
        {"a", "/docker/1234", "/docker/123", false, "/a"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        autofree char *path =
            cgroup_path_inside(rows[i].wanted, "id", rows[i].own, rows[i].root, rows[i].beside);
        assert_string_equal(path, rows[i].path);
    }
}

static void controllers_are_whole_words(void **state) {
    assert_true(hierarchy_has("cpu,cpuacct", "cpu"));
    assert_true(hierarchy_has("cpu,cpuacct", "cpuacct"));
    assert_false(hierarchy_has("cpuacct", "cpu"));
    assert_false(hierarchy_has("cpuset,cpu", "set"));
    assert_true(hierarchy_has("name=systemd", "name=systemd"));
    assert_true(hierarchy_has("", ""));
    assert_false(hierarchy_has("cpu", ""));
    assert_false(hierarchy_has("", "cpu"));
}

static void hybrid_machines_are_understood(void **state) {
    char mountinfo[] =
        "30 24 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"
        "31 30 0:27 / /sys/fs/cgroup/unified rw shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
        "32 30 0:28 / /sys/fs/cgroup/cpu,cpuacct rw shared:5 - cgroup cgroup rw,cpu,cpuacct\n"
        "33 30 0:29 / /sys/fs/cgroup/with\\040space rw - cgroup cgroup rw,xattr,name=systemd\n"
        "34 30 0:30 /part /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
        "35 30 0:30 / /again rw - cgroup cgroup rw,memory\n";
    char cgroups[] =
        "5:memory:/part/x\n4:cpu,cpuacct:/a\n3:name=systemd:/b\n2:perf_event:/\n0::/c\n";
    Hierarchies found = {};
    hierarchies_parse(&found, mountinfo, cgroups);
    assert_int_equal(found.n, 4); /* perf_event is not mounted */
    assert_string_equal(found.item[0].root, "/part");
    assert_string_equal(found.item[0].mount, "/sys/fs/cgroup/memory");
    assert_string_equal(found.item[1].mount, "/sys/fs/cgroup/cpu,cpuacct");
    assert_string_equal(found.item[2].mount, "/sys/fs/cgroup/with space");
    assert_string_equal(found.item[3].controllers, "");
    assert_string_equal(found.item[3].own, "/c");
    hierarchies_done(&found);
}

static void nonsense_in_mountinfo_does_no_harm(void **state) {
    char mountinfo[] = " - cgroup\nx - cgroup y z\n1 2 3 - cgroup cgroup rw,memory\n\n - \n";
    char cgroups[] = "5:memory:/x\nnonsense\n:::::\n\n";
    Hierarchies found = {};
    hierarchies_parse(&found, mountinfo, cgroups);
    assert_int_equal(found.n, 0);
    hierarchies_done(&found);
}

static void shares_become_weights(void **state) {
    assert_int_equal(limits_weight_of_shares(0), 0);
    assert_int_equal(limits_weight_of_shares(2), 1);
    assert_int_equal(limits_weight_of_shares(1024), 100);
    assert_int_equal(limits_weight_of_shares(262144), 10000);
    assert_int_equal(limits_weight_of_shares(UINT64_MAX), 10000);
    assert_true(limits_weight_of_shares(512) < limits_weight_of_shares(2048));
}

static void device_rules_in_the_kernels_words(void **state) {
    char text[DEVICE_RULE_SIZE];
    Error err = {};
    OciDeviceRule rule = {.allow = {true, false}, .access = (char[]){"rwm"}};
    assert_int_equal(limits_format_device(&rule, text, &err), 0);
    assert_string_equal(text, "a *:* rwm");
    rule = (OciDeviceRule){
        .type = (char[]){"c"}, .major = {true, 1}, .minor = {true, 3}, .access = (char[]){"r"}};
    assert_int_equal(limits_format_device(&rule, text, &err), 0);
    assert_string_equal(text, "c 1:3 r");
    rule.minor.value = -1;
    assert_int_equal(limits_format_device(&rule, text, &err), 0);
    assert_string_equal(text, "c 1:* r");
    rule.minor.value = -5; /* not a wildcard by accident */
    assert_int_equal(limits_format_device(&rule, text, &err), ERROR_INVALID);
    rule.minor.value = -1;
    rule.access = (char[]){"mxr"};
    assert_int_equal(limits_format_device(&rule, text, &err), 0);
    assert_string_equal(text, "c 1:* rm");
    rule.access = (char[]){"x"};
    assert_int_equal(limits_format_device(&rule, text, &err), ERROR_INVALID);
    rule = (OciDeviceRule){.type = (char[]){"c\n"}, .access = (char[]){"r"}};
    assert_int_equal(limits_format_device(&rule, text, &err), ERROR_INVALID);
}

static void saved_paths_come_back(void **state) {
    OciState first = {}, again = {}; /* any document with a map serves */
    json_map_set(&first.annotations, "memory", "/sys/fs/cgroup/memory/x");
    json_map_set(&first.annotations, "", "/sys/fs/cgroup/unified/x");
    Cgroup cgroup;
    cgroup_load(&cgroup, &first.annotations);
    assert_false(cgroup.v2);
    assert_string_equal(cgroup_find(&cgroup, "")->path, "/sys/fs/cgroup/unified/x");
    assert_null(cgroup_find(&cgroup, "pids"));
    cgroup_save(&cgroup, &again.annotations);
    assert_string_equal(json_map_find(&again.annotations, "memory"), "/sys/fs/cgroup/memory/x");
    cgroup_done(&cgroup);
    json_done(&oci_state_type, &first);
    json_done(&oci_state_type, &again);
}

/* Names of mount points are anybody's choice, and so are bytes that only look like an escape. */
static void strange_lines_are_passed_over(void **state) {
    char mountinfo[] = "31 30 0:27 / /a\\04 rw - cgroup2 cgroup2 rw\n"
                       "32 30 0:28 / /b\\1\x80!c\\777 rw - cgroup cgroup rw,memory\n";
    char cgroups[] = "5:memory:relative/..\n4:memory:/x\n:\n::\n0::/c\n";
    autodone(Hierarchies) found = {};
    hierarchies_parse(&found, mountinfo, cgroups);
    assert_int_equal(found.n, 2);
    assert_string_equal(found.item[0].mount, "/b\\1\x80!c\\777");
    assert_string_equal(found.item[1].mount, "/a\\04");
}

int main(void) {
    const struct CMUnitTest tests[] = {TEST(paths_start_where_they_should),
        TEST(controllers_are_whole_words), TEST(hybrid_machines_are_understood),
        TEST(strange_lines_are_passed_over), TEST(nonsense_in_mountinfo_does_no_harm),
        TEST(shares_become_weights), TEST(device_rules_in_the_kernels_words),
        TEST(saved_paths_come_back)};
    return RUN(tests);
}
