// SPDX-License-Identifier: Apache-2.0
#include "cli/human.h"

#include <stdio.h>
#include <time.h>

#include "base/memory.h"
#include "base/time.h"

const char *human_duration(int64_t duration, char buffer[HUMAN_SIZE]) {
    static const int64_t hour = 3600, day = 24 * hour, week = 7 * day, month = 30 * day,
                         year = 365 * day;
    int64_t seconds = duration / TIME_SECOND;
    int64_t hours = (seconds + hour / 2) / hour; // to the nearest, the other units are cut
    if (seconds < 1)
        return "Less than a second";
    if (seconds == 1)
        return "1 second";
    if (seconds < 120 && seconds >= 60)
        return "About a minute";
    if (seconds >= hour && hours == 1)
        return "About an hour";

    const struct {
        int64_t below; /* in seconds */
        int64_t value;
        const char *unit;
    } rows[] = {
        {60, seconds, "seconds"},
        {hour, seconds / 60, "minutes"},
        {48 * hour, hours, "hours"},
        {2 * week, hours * hour / day, "days"},
        {2 * month, hours * hour / week, "weeks"},
        {2 * year, hours * hour / month, "months"},
        {INT64_MAX, seconds / year, "years"},
    };
    size_t i = 0;
    int64_t measure = seconds < hour ? seconds : hours * hour;
    while (measure >= rows[i].below)
        i++;
    snprintf(buffer, HUMAN_SIZE, "%lld %s", (long long)rows[i].value, rows[i].unit);
    return buffer;
}

const char *human_date(int64_t time, char buffer[HUMAN_SIZE]) {
    time_t seconds = (time_t)(time / TIME_SECOND);
    struct tm tm = {};
    localtime_r(&seconds, &tm);
    strftime(buffer, HUMAN_SIZE, "%Y-%m-%d %H:%M:%S %z %Z", &tm);
    return buffer;
}

static const char *format_size(
    double value, double base, int digits, const char *const *units, size_t n, char *buffer) {
    size_t unit = 0;
    for (; value >= base && unit + 1 < n; unit++)
        value /= base;
    char number[32];
    snprintf(number, sizeof number, "%.*g", digits, value);
    double rounded = 0;
    sscanf(number, "%lf", &rounded);
    if (rounded >= base && unit + 1 < n) { // 999.9 kB is 1 MB, not 1e+03kB
        snprintf(number, sizeof number, "%.*g", digits, rounded / base);
        unit++;
    }
    snprintf(buffer, HUMAN_SIZE, "%s%s", number, units[unit]);
    return buffer;
}

static const char *const decimal_units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};

const char *human_size(int64_t bytes, char buffer[HUMAN_SIZE]) {
    return format_size((double)bytes, 1000, 3, decimal_units, array_size(decimal_units), buffer);
}

const char *human_usage(int64_t bytes, char buffer[HUMAN_SIZE]) {
    return format_size((double)bytes, 1000, 4, decimal_units, array_size(decimal_units), buffer);
}

const char *human_memory(int64_t bytes, char buffer[HUMAN_SIZE]) {
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    return format_size((double)bytes, 1024, 4, units, array_size(units), buffer);
}
