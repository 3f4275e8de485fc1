// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "runtime/cgroup/gvariant.h"
#include "runtime/cgroup/systemd_unit.h"
#include "runtime/cgroup/systemd_version.h"
#include "test.h"

static void slices_are_nested_by_their_dashes(void **state) {
    static const char *const good[][2] = {{"system.slice", "/system.slice"}, {"-.slice", "/"},
        {"a-b.slice", "/a.slice/a-b.slice"}, {"a-b-c.slice", "/a.slice/a-b.slice/a-b-c.slice"}};
    static const char *const bad[] = {
        "", ".slice", "a", "a--b.slice", "-a.slice", "a-.slice", "a/b.slice", "a.slice.x"};
    for (size_t i = 0; i < array_size(good); i++) {
        autofree char *path = NULL;
        Error err = {};
        assert_int_equal(systemd_slice_path(good[i][0], &path, &err), 0);
        assert_string_equal(path, good[i][1]);
    }
    for (size_t i = 0; i < array_size(bad); i++) {
        autofree char *path = NULL;
        Error err = {};
        assert_int_equal(systemd_slice_path(bad[i], &path, &err), ERROR_INVALID);
    }
}

static void units_are_named_by_the_path(void **state) {
    static const struct {
        const char *path;
        bool user;
        const char *slice, *name;
    } rows[] = {
        {NULL, false, "system.slice", "tare-id.scope"},
        {"", true, "user.slice", "tare-id.scope"},
        {"machine.slice:libpod:12", false, "machine.slice", "libpod-12.scope"},
        {":docker:12", false, "system.slice", "docker-12.scope"},
        {"a.slice:x:b.slice", false, "a.slice", "b.slice"},
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        SystemdUnit unit = {};
        Error err = {};
        assert_int_equal(systemd_unit_parse(rows[i].path, "id", rows[i].user, &unit, &err), 0);
        assert_string_equal(unit.slice, rows[i].slice);
        assert_string_equal(unit.name, rows[i].name);
        systemd_unit_done(&unit);
    }
    static const char *const bad[] = {"/a/b", "a:b", "a:b:c:d", "a.slice:b:c/d", "a.slice:b:c d"};
    for (size_t i = 0; i < array_size(bad); i++) {
        SystemdUnit unit = {};
        Error err = {};
        assert_int_equal(systemd_unit_parse(bad[i], "id", false, &unit, &err), ERROR_INVALID);
    }
}

static void lists_become_masks(void **state) {
    static const char *const good[][2] = {{"0", "@ay [1]"}, {"0-2,5", "@ay [39]"},
        {"8", "@ay [0, 1]"}, {" 1 , 3 ,", "@ay [10]"}, {"0-15\n", "@ay [255, 255]"}};
    static const char *const bad[] = {"", ",", "a", "1-", "3-1", "1-x", "99999999", "-1"};
    for (size_t i = 0; i < array_size(good); i++) {
        autofree char *mask = NULL;
        Error err = {};
        assert_int_equal(systemd_mask(good[i][0], &mask, &err), 0);
        assert_string_equal(mask, good[i][1]);
    }
    for (size_t i = 0; i < array_size(bad); i++) {
        autofree char *mask = NULL;
        Error err = {};
        assert_int_equal(systemd_mask(bad[i], &mask, &err), ERROR_INVALID);
    }
}

static void decode(const char *text, OciResources *ret) {
    Error err = {};
    assert_int_equal(json_decode(&oci_resources_type, text, strlen(text), ret, &err), 0);
}

typedef struct PropertyRow {
    const char *resources, *name, *v2, *v1; /* NULL: not set */
} PropertyRow;

#define ENDLESS "uint64 18446744073709551615"
static const PropertyRow property_rows[] = {
    {"{\"memory\":{\"limit\":1000}}", "MemoryMax", "uint64 1000", NULL},
    {"{\"memory\":{\"limit\":1000}}", "MemoryLimit", NULL, "uint64 1000"},
    {"{\"memory\":{\"limit\":-1}}", "MemoryMax", ENDLESS, NULL},
    {"{\"memory\":{\"limit\":-1}}", "MemorySwapMax", ENDLESS, NULL},
    {"{\"memory\":{\"limit\":10,\"swap\":30}}", "MemorySwapMax", "uint64 20", NULL},
    {"{\"memory\":{\"limit\":10,\"swap\":10}}", "MemorySwapMax", "uint64 0", NULL},
    {"{\"memory\":{\"reservation\":5}}", "MemoryLow", "uint64 5", NULL},
    {"{\"cpu\":{\"shares\":1024}}", "CPUWeight", "uint64 100", NULL},
    {"{\"cpu\":{\"shares\":1024}}", "CPUShares", NULL, "uint64 1024"},
    {"{\"cpu\":{\"idle\":1,\"shares\":7}}", "CPUWeight", "uint64 0", NULL},
    {"{\"cpu\":{\"idle\":0}}", "CPUWeight", ENDLESS, NULL}, /* the default again */
    {"{\"cpu\":{\"idle\":0,\"shares\":1024}}", "CPUWeight", "uint64 100", NULL},
    {"{\"cpu\":{\"quota\":5000}}", "CPUQuotaPerSecUSec", "uint64 50000", "uint64 50000"},
    {"{\"cpu\":{\"quota\":5000}}", "CPUQuotaPeriodUSec", NULL, NULL},
    {"{\"cpu\":{\"quota\":33333,\"period\":100000}}", "CPUQuotaPerSecUSec", "uint64 340000",
        "uint64 340000"},
    {"{\"cpu\":{\"period\":50000}}", "CPUQuotaPerSecUSec", ENDLESS, ENDLESS},
    {"{\"cpu\":{\"period\":50000}}", "CPUQuotaPeriodUSec", "uint64 50000", "uint64 50000"},
    {"{\"cpu\":{\"quota\":-1}}", "CPUQuotaPerSecUSec", ENDLESS, ENDLESS},
    {"{\"cpu\":{\"cpus\":\"0-1\"}}", "AllowedCPUs", "@ay [3]", "@ay [3]"},
    {"{\"cpu\":{\"mems\":\"0\"}}", "AllowedMemoryNodes", "@ay [1]", "@ay [1]"},
    {"{\"pids\":{\"limit\":0}}", "TasksMax", "uint64 1", "uint64 1"},
    {"{\"pids\":{\"limit\":-1}}", "TasksMax", ENDLESS, ENDLESS},
    {"{\"blockIO\":{\"weight\":750}}", "IOWeight", "uint64 7475", NULL},
    {"{\"blockIO\":{\"weight\":750}}", "BlockIOWeight", NULL, "uint64 750"},
    {"{\"unified\":{\"memory.high\":\"7\"}}", "MemoryHigh", "uint64 7", NULL},
    {"{\"unified\":{\"pids.max\":\"max\"}}", "TasksMax", ENDLESS, NULL},
    {"{\"unified\":{\"cpu.max\":\"5000 50000\"}}", "CPUQuotaPerSecUSec", "uint64 100000", NULL},
    {"{\"unified\":{\"cpu.max\":\"max 50000\"}}", "CPUQuotaPeriodUSec", "uint64 50000", NULL},
    {"{\"unified\":{\"cpu.idle\":\"1\",\"cpu.weight\":\"8\"}}", "CPUWeight", "uint64 0", NULL},
    {"{\"unified\":{\"cpu.weight\":\" 42 \\n\"}}", "CPUWeight", "uint64 42", NULL},
    {"{\"unified\":{\"cpuset.cpus\":\"1\"}}", "AllowedCPUs", "@ay [2]", NULL},
    {"{\"memory\":{\"limit\":9},\"unified\":{\"memory.max\":\"5\"}}", "MemoryMax", "uint64 5",
        NULL},
    {"{\"unified\":{\"memory.oom.group\":\"1\"}}", "MemoryMax", NULL, NULL},
};

static void check_property(const PropertyRow *row, bool v2) {
    const char *wanted = v2 ? row->v2 : row->v1;
    OciResources resources = {};
    JsonMap properties = {};
    Error err = {};
    decode(row->resources, &resources);
    assert_int_equal(systemd_limit_properties(&resources, v2, &properties, &err), 0);
    const char *found = json_map_find(&properties, row->name);
    if (wanted)
        assert_string_equal(found, wanted);
    else
        assert_null(found);
    for (size_t i = 0; i < properties.n; i++) { /* what is sent can be read */
        autodone(GvariantValue) value = {};
        assert_int_equal(gvariant_parse(properties.value[i], &value, &err), 0);
    }
    json_map_done(&properties);
    json_done(&oci_resources_type, &resources);
}

static void limits_become_properties(void **state) {
    for (size_t i = 0; i < array_size(property_rows); i++) {
        check_property(&property_rows[i], true);
        check_property(&property_rows[i], false);
    }
}

static void limits_that_make_no_sense_are_refused(void **state) {
    static const char *const bad[] = {"{\"memory\":{\"swap\":5}}",
        "{\"memory\":{\"limit\":9,\"swap\":5}}", "{\"cpu\":{\"cpus\":\"x\"}}",
        "{\"unified\":{\"cpu.max\":\"1 2 3\"}}", "{\"unified\":{\"pids.max\":\"many\"}}",
        "{\"unified\":{\"cpu.max\":\"5 0\"}}"};
    for (size_t i = 0; i < array_size(bad); i++) {
        OciResources resources = {};
        JsonMap properties = {};
        Error err = {};
        decode(bad[i], &resources);
        assert_true(systemd_limit_properties(&resources, true, &properties, &err) < 0);
        assert_true(text_starts(err.message, "linux.resources."));
        json_map_done(&properties);
        json_done(&oci_resources_type, &resources);
    }
}

static void devices_become_a_list_of_what_is_allowed(void **state) {
    static const struct {
        const char *rules, *policy, *holds, *lacks;
    } rows[] = {
        {"[]", "'strict'", "('/dev/char/1:3', 'rwm')", "block-8"},
        {"[{\"allow\":true,\"access\":\"rwm\"}]", "'auto'", "@a(ss) []", "char"},
        {"[{\"allow\":false,\"access\":\"rwm\"},{\"allow\":true,\"type\":\"b\",\"major\":8,"
         "\"access\":\"r\"}]",
            "'strict'", "('block-8', 'r')", "'rwx'"},
        {"[{\"allow\":true,\"type\":\"c\",\"major\":9,\"minor\":1,\"access\":\"rw\"},{\"allow\":"
         "false,\"access\":\"rwm\"}]",
            "'strict'", "char-136", "/dev/char/9:1"},
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        autofree char *text = text_format("{\"devices\":%s}", rows[i].rules);
        autodone(GvariantValue) value = {};
        OciResources resources = {};
        JsonMap properties = {};
        Error err = {};
        decode(text, &resources);
        systemd_device_properties(&resources, &properties);
        const char *list = json_map_find(&properties, "DeviceAllow");
        assert_string_equal(json_map_find(&properties, "DevicePolicy"), rows[i].policy);
        assert_non_null(strstr(list, rows[i].holds));
        assert_null(strstr(list, rows[i].lacks));
        assert_int_equal(gvariant_parse(list, &value, &err), 0);
        assert_string_equal(value.signature, "a(ss)");
        json_map_done(&properties);
        json_done(&oci_resources_type, &resources);
    }
}

static void names_are_quoted(void **state) {
    static const char *const names[] = {
        "machine.slice", "app-a\\x2db.slice", "it's.slice", "\\", "'", ""};
    for (size_t i = 0; i < array_size(names); i++) {
        const SystemdUnit unit = {
            .slice = (char *)(uintptr_t)names[i], .name = (char[]){"x.scope"}};
        autodone(GvariantValue) value = {};
        JsonMap properties = {};
        Error err = {};
        systemd_unit_properties(&unit, names[i], true, &properties);
        assert_int_equal(gvariant_parse(json_map_find(&properties, "Slice"), &value, &err), 0);
        assert_string_equal(value.text, names[i]);
        json_map_done(&properties);
    }
}

static void the_policy_of_memory_is_told(void **state) {
    static const char *const rows[][2] = {{"{\"unified\":{\"memory.oom.group\":\"1\"}}", "'kill'"},
        {"{\"unified\":{\"memory.oom.group\":\"0\"}}", "'continue'"}, {"{}", NULL}};
    for (size_t i = 0; i < array_size(rows); i++) {
        OciResources resources = {};
        JsonMap properties = {};
        decode(rows[i][0], &resources);
        systemd_oom_property(&resources, &properties);
        const char *found = json_map_find(&properties, "OOMPolicy");
        if (rows[i][1])
            assert_string_equal(found, rows[i][1]);
        else
            assert_null(found);
        json_map_done(&properties);
        json_done(&oci_resources_type, &resources);
    }
}

static void versions_are_understood(void **state) {
    static const struct {
        const char *text;
        unsigned version; /* 0: refused */
    } rows[] = {{"252 (252.39-1~deb12u2)", 252}, {"v257-rc1", 257}, {"262.1-1", 262}, {"240", 240},
        {"239 (239-82.el8)", 0}, {"219", 0}, {"", 0}, {"v", 0}, {"-1", 0}, {"x252", 0}};
    for (size_t i = 0; i < array_size(rows); i++) {
        unsigned version = 0;
        Error err = {};
        int r = systemd_version_parse(rows[i].text, &version, &err);
        assert_int_equal(r, rows[i].version ? 0 : ERROR_UNSUPPORTED);
        assert_int_equal(version, rows[i].version);
    }
    unsigned version;
    Error err = {};
    systemd_version_parse("239", &version, &err);
    assert_non_null(strstr(err.message, "systemd 239 is too old"));
}

static void an_old_systemd_is_told_less(void **state) {
    static const struct {
        const char *name, *value;
        unsigned since;
    } rows[] = {{"AllowedCPUs", "@ay [1]", 244}, {"AllowedMemoryNodes", "@ay [1]", 244},
        {"CPUQuotaPeriodUSec", "uint64 50000", 242}, {"CPUWeight", "uint64 0", 252},
        {"CPUWeight", "uint64 100", SYSTEMD_OLDEST}, {"OOMPolicy", "'kill'", 251},
        {"MemoryMax", "uint64 1", SYSTEMD_OLDEST}, {"DeviceAllow", "@a(ss) []", SYSTEMD_OLDEST}};
    for (size_t i = 0; i < array_size(rows); i++) {
        assert_true(systemd_version_knows(rows[i].since, rows[i].name, rows[i].value));
        assert_int_equal(systemd_version_knows(rows[i].since - 1, rows[i].name, rows[i].value),
            rows[i].since == SYSTEMD_OLDEST);
    }
}

static void annotations_set_harmless_properties_only(void **state) {
    static const struct {
        const char *key;
        int result;
    } rows[] = {{"org.systemd.property.TimeoutStopUSec", 0},
        {"org.systemd.property.CollectMode", 0}, {"org.systemd.property.MemoryHigh", 0},
        {"org.example.FailureAction", 0}, {"org.systemd.property.FailureAction", ERROR_DENIED},
        {"org.systemd.property.Slice", ERROR_DENIED}, {"org.systemd.property.PIDs", ERROR_DENIED},
        {"org.systemd.property.OnFailure", ERROR_DENIED},
        {"org.systemd.property.Memory-High", ERROR_INVALID}};
    for (size_t i = 0; i < array_size(rows); i++) {
        JsonMap annotations = {}, properties = {};
        Error err = {};
        json_map_set(&annotations, rows[i].key, "1");
        assert_int_equal(
            systemd_annotation_properties(&annotations, &properties, &err), rows[i].result);
        json_map_done(&annotations);
        json_map_done(&properties);
    }
}

static void values_in_gvariants_notation(void **state) {
    static const struct {
        const char *text, *signature;
        uint64_t number;
    } rows[] = {{"true", "b", 1}, {"12", "i", 12}, {"-1", "i", UINT64_MAX}, {"uint64 7", "t", 7},
        {"byte 0xff", "y", 255}, {"'a\\'b'", "s", 0}, {"\"x\"", "s", 0}, {"1.5", "d", 0},
        {"['a', 'b']", "as", 0}, {"@as []", "as", 0}, {" [uint32 1, 2] ", "au", 0},
        {"('a', 3)", "(si)", 0}, {"[('a', uint64 1)]", "a(st)", 0}, {"objectpath '/a'", "o", 0},
        {"@a(ss) [('a','b')]", "a(ss)", 0}, {"uint64 18446744073709551615", "t", UINT64_MAX}};
    for (size_t i = 0; i < array_size(rows); i++) {
        autodone(GvariantValue) value = {};
        Error err = {};
        assert_int_equal(gvariant_parse(rows[i].text, &value, &err), 0);
        assert_string_equal(value.signature, rows[i].signature);
        assert_int_equal(value.number, rows[i].number);
    }
}

static void what_is_no_value_is_refused(void **state) {
    static const char *const bad[] = {"", "nonsense", "[", "[]", "['a', 1]", "'a", "1 2",
        "byte 256", "uint32 -1", "int16 40000", "()", "(1", "@ [1]", "@a( [1]", "@as [1]",
        "uint64 'a'", "[[[[[[[[[[1]]]]]]]]]]", "{'a': 1}", "99999999999", "@(s) ('a','b')",
        "@ai 'x'"};
    for (size_t i = 0; i < array_size(bad); i++) {
        GvariantValue value = {};
        Error err = {};
        if (gvariant_parse(bad[i], &value, &err) >= 0)
            fail_msg("%s was taken", bad[i]);
    }
}

static void seconds_become_microseconds(void **state) {
    static const struct {
        const char *text;
        uint64_t usec;
    } rows[] = {{"7", 7000000}, {"1.5", 1500000}, {"uint64 2", 2000000}, {"byte 1", 1000000}};
    for (size_t i = 0; i < array_size(rows); i++) {
        autodone(GvariantValue) value = {};
        Error err = {};
        assert_int_equal(gvariant_parse(rows[i].text, &value, &err), 0);
        assert_int_equal(gvariant_seconds_to_usec(&value, &err), 0);
        assert_string_equal(value.signature, "t");
        assert_int_equal(value.number, rows[i].usec);
    }
    static const char *const bad[] = {"'7'", "-1", "-1.0", "[7]", "true"};
    for (size_t i = 0; i < array_size(bad); i++) {
        autodone(GvariantValue) value = {};
        Error err = {};
        assert_int_equal(gvariant_parse(bad[i], &value, &err), 0);
        assert_int_equal(gvariant_seconds_to_usec(&value, &err), ERROR_INVALID);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {TEST(slices_are_nested_by_their_dashes),
        TEST(units_are_named_by_the_path), TEST(lists_become_masks), TEST(limits_become_properties),
        TEST(limits_that_make_no_sense_are_refused), TEST(devices_become_a_list_of_what_is_allowed),
        TEST(names_are_quoted), TEST(the_policy_of_memory_is_told), TEST(versions_are_understood),
        TEST(an_old_systemd_is_told_less), TEST(annotations_set_harmless_properties_only),
        TEST(values_in_gvariants_notation), TEST(what_is_no_value_is_refused),
        TEST(seconds_become_microseconds)};
    return RUN(tests);
}
