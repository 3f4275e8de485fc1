// SPDX-License-Identifier: Apache-2.0
#include "base/memory.h"
#include "base/time.h"
#include "test.h"

static void formats_as_go_does(void **state) {
    static const struct {
        int64_t time;
        const char *text;
    } rows[] = {
        {0, "0001-01-01T00:00:00Z"},
        {1, "1970-01-01T00:00:00.000000001Z"},
        {1769854272 * TIME_SECOND, "2026-01-31T10:11:12Z"},
        {1769854272 * TIME_SECOND + 120000000, "2026-01-31T10:11:12.12Z"},
        {-1, "1969-12-31T23:59:59.999999999Z"},
    };
    char buffer[TIME_TEXT_SIZE];
    for (size_t i = 0; i < array_size(rows); i++) {
        assert_string_equal(time_format(rows[i].time, buffer), rows[i].text);
        int64_t back;
        Error err = {};
        assert_int_equal(time_parse(rows[i].text, &back, &err), 0);
        assert_true(back == rows[i].time);
    }
    time_format_fixed(1769854272 * TIME_SECOND, buffer);
    assert_string_equal(buffer, "2026-01-31T10:11:12.000000000Z");
}

static void every_day_has_the_date_of_the_calendar(void **state) {
    char buffer[TIME_TEXT_SIZE];
    for (int64_t day = -106000; day < 106000; day++) {
        int64_t time = day * 86400 * TIME_SECOND + 1, back;
        Error err = {};
        assert_int_equal(time_parse(time_format(time, buffer), &back, &err), 0);
        assert_true(back == time);
    }
}

static void reads_offsets(void **state) {
    int64_t utc, east;
    Error err = {};
    assert_int_equal(time_parse("2026-01-31T10:11:12.5Z", &utc, &err), 0);
    assert_int_equal(time_parse("2026-01-31T12:41:12.5+02:30", &east, &err), 0);
    assert_true(utc == east);
}

static void refuses_what_is_no_time(void **state) {
    static const char *const bad[] = {"", "now", "2026-01-31", "2026-01-31T10:11:12",
        "2026-01-31T10:11:12Zz", "2026-13-01T00:00:00Z", "2026-1-31T10:11:12Z",
        "2026-01-31T24:11:12Z", "2026-01-31T10:11:12.5+2:30x", "9999-01-01T00:00:00Z",
        "0000-01-01T00:00:00Z"};
    int64_t time;
    Error err = {};
    for (size_t i = 0; i < array_size(bad); i++)
        assert_int_equal(time_parse(bad[i], &time, &err), ERROR_INVALID);
}

static void durations_as_go_writes_them(void **state) {
    static const struct {
        const char *text;
        int64_t duration;
    } rows[] = {
        {"0", 0},
        {"1h30m", 5400 * TIME_SECOND},
        {"1.5s", 1500 * TIME_MILLISECOND},
        {"100ms", 100 * TIME_MILLISECOND},
        {"1m0.5s", 60500 * TIME_MILLISECOND},
        {"3ns", 3},
    };
    static const char *const bad[] = {"", "5", "s", "1x", "-1s", "1h30", "1 s"};
    int64_t duration;
    Error err = {};
    for (size_t i = 0; i < array_size(rows); i++) {
        assert_int_equal(time_parse_duration(rows[i].text, "interval", &duration, &err), 0);
        assert_true(duration == rows[i].duration);
    }
    for (size_t i = 0; i < array_size(bad); i++)
        assert_int_equal(time_parse_duration(bad[i], "interval", &duration, &err), ERROR_INVALID);
    assert_int_equal(time_parse_duration("9999999999h", "x", &duration, &err), ERROR_RANGE);
}

static void durations_are_written_as_go_does(void **state) {
    static const struct {
        const char *text;
        int64_t duration;
    } rows[] = {
        {"0s", 0},
        {"3ns", 3},
        {"1.001µs", 1001},
        {"1.5ms", 1500000},
        {"100ms", 100 * TIME_MILLISECOND},
        {"1.5s", 1500 * TIME_MILLISECOND},
        {"30s", 30 * TIME_SECOND},
        {"1m0.5s", 60500 * TIME_MILLISECOND},
        {"1h30m0s", 5400 * TIME_SECOND},
        {"24h0m0.000000001s", 24 * 3600 * TIME_SECOND + 1},
        {"2562047h47m16.854775807s", INT64_MAX},
    };
    char buffer[TIME_TEXT_SIZE];
    for (size_t i = 0; i < array_size(rows); i++)
        assert_string_equal(time_format_duration(rows[i].duration, buffer), rows[i].text);
}

static void sleeps_as_long_as_asked(void **state) {
    int64_t before = time_monotonic();
    time_sleep(20 * TIME_MILLISECOND);
    assert_true(time_monotonic() - before >= 20 * TIME_MILLISECOND);
    assert_true(time_now() > 1700000000 * TIME_SECOND);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(formats_as_go_does),
        TEST(every_day_has_the_date_of_the_calendar),
        TEST(reads_offsets),
        TEST(refuses_what_is_no_time),
        TEST(durations_as_go_writes_them),
        TEST(durations_are_written_as_go_does),
        TEST(sleeps_as_long_as_asked),
    };
    return RUN(tests);
}
