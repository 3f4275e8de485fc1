// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "base/text.h"
#include "runtime/cgroup/merge.h"
#include "runtime/cgroup/statistics_text.h"
#include "test.h"

static void numbers_and_lines(void **state) {
    static const char text[] = "usage_usec 12\nuser_usec 7\nusage 5\nodd\n x 3\n";
    assert_int_equal(statistics_parse_number("12\n"), 12);
    assert_int_equal(statistics_parse_number("max\n"), UINT64_MAX);
    assert_int_equal(statistics_parse_number("-1"), 0);
    assert_int_equal(statistics_find(text, "user_usec"), 7);
    assert_int_equal(statistics_find(text, "usage"), 5);
    assert_int_equal(statistics_find(text, "odd"), 0);
    assert_int_equal(statistics_find("", "a"), 0);
    autofree char *map = statistics_parse_map(text);
    assert_string_equal(map, "{\"usage_usec\":12,\"user_usec\":7,\"usage\":5}");
    assert_null(statistics_parse_map("nothing here\n"));
}

static void check_list(const char *text, const char *wanted) {
    JsonUints list = statistics_parse_list(text);
    Text out = {};
    text_append(&out, "");
    for (size_t i = 0; i < list.n; i++)
        text_append_format(&out, "%llu ", (unsigned long long)list.item[i]);
    assert_string_equal(out.data, wanted);
    text_done(&out);
    free(list.item);
}

static void lists_of_numbers(void **state) {
    check_list("0-2,5\n", "0 1 2 5 ");
    check_list("10 20 30\n", "10 20 30 ");
    check_list("", "");
    check_list("nonsense", "");
    check_list("3-", "3 ");
    JsonUints endless = statistics_parse_list("0-18446744073709551615");
    assert_true(endless.n > 0 && endless.n < 100000);
    free(endless.item);
    JsonUints column = statistics_parse_column("cpu user system\n0 5 6\n1 7 8\n", 2);
    assert_int_equal(column.n, 2);
    assert_int_equal(column.item[1], 8);
    free(column.item);
}

static void block_io_of_both_versions(void **state) {
    BlockIoStatistics io = {};
    statistics_parse_blkio("8:0 Read 5\n8:16 Write 7\n8:0 9\nTotal 12\nx:y z\n", &io.time);
    statistics_parse_io(
        "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5\nbad\n", &io.bytes, &io.serviced);
    const BlockIoEntry *entry = io.time.item;
    assert_int_equal(io.time.n, 3);
    assert_string_equal(entry[1].operation, "Write");
    assert_int_equal(entry[1].minor.value, 16);
    assert_null(entry[2].operation);
    assert_int_equal(entry[2].value.value, 9);
    assert_int_equal(io.bytes.n, 2);
    assert_int_equal(io.serviced.n, 2);
    assert_int_equal(((const BlockIoEntry *)io.bytes.item)[1].value.value, 2);
    Statistics all = {.block_io = memory_copy(&io, sizeof io)};
    json_done(&statistics_type, &all);
}

static void pressure_lines(void **state) {
    PressureStatistics *pressure = statistics_parse_pressure(
        "some avg10=1.50 avg60=0.00 avg300=0.00 total=42\nfull avg10=x\nother 1\n");
    assert_non_null(pressure);
    assert_true(pressure->some->avg10.value > 1.4 && pressure->some->total.value == 42);
    assert_null(pressure->full);
    free(pressure->some);
    free(pressure);
    assert_null(statistics_parse_pressure(""));
}

static void changes_are_laid_over_the_old_limits(void **state) {
    static const struct {
        const char *old, *change, *result;
    } rows[] = {
        {"{\"cpu\":{\"quota\":5,\"period\":10}}", "{\"cpu\":{\"period\":20}}",
            "\"cpu\":{\"quota\":5,\"period\":20}"},
        {"{\"cpu\":{\"shares\":5}}", "{\"cpu\":{\"idle\":1}}", "\"cpu\":{\"idle\":1}"},
        {"{\"memory\":{\"limit\":5,\"swap\":9}}", "{\"memory\":{\"limit\":-1}}",
            "\"memory\":{\"limit\":-1}"},
        {"{\"blockIO\":{\"throttleReadBpsDevice\":[{\"major\":8,\"minor\":0,\"rate\":1}]}}",
            "{\"blockIO\":{\"throttleReadBpsDevice\":[{\"major\":8,\"minor\":0,\"rate\":2}]}}",
            "[{\"major\":8,\"minor\":0,\"rate\":2}]"},
        {"{\"unified\":{\"a.b\":\"1\"}}", "{\"unified\":{\"c.d\":\"2\"}}", "{\"c.d\":\"2\"}"},
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        OciResources old = {}, change = {};
        Error err = {};
        json_decode(&oci_resources_type, rows[i].old, strlen(rows[i].old), &old, &err);
        json_decode(&oci_resources_type, rows[i].change, strlen(rows[i].change), &change, &err);
        resources_merge(&old, &change);
        autofree char *text = json_encode(&oci_resources_type, &old, 0);
        if (!strstr(text, rows[i].result))
            fail_msg("%s lacks %s", text, rows[i].result);
        json_done(&oci_resources_type, &old);
        json_done(&oci_resources_type, &change);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {TEST(numbers_and_lines), TEST(lists_of_numbers),
        TEST(block_io_of_both_versions), TEST(pressure_lines),
        TEST(changes_are_laid_over_the_old_limits)};
    return RUN(tests);
}
