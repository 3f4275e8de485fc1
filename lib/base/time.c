// SPDX-License-Identifier: Apache-2.0
#include "base/time.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"

static int64_t read_clock(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * TIME_SECOND + now.tv_nsec;
}

int64_t time_now(void) {
    return read_clock(CLOCK_REALTIME);
}

int64_t time_monotonic(void) {
    return read_clock(CLOCK_MONOTONIC);
}

void time_sleep(int64_t duration) {
    struct timespec left = {duration / TIME_SECOND, duration % TIME_SECOND};
    while (nanosleep(&left, &left) < 0 && errno == EINTR)
        ;
}

/* Days since 1970 as a date, without gmtime_r(3), which reads /etc/localtime first. Years begin in
 * March here, so that a leap day ends one: 146097 days are 400 years, 153 are five months. */
static void split_days(int64_t days, unsigned *ret_year, unsigned *ret_month, unsigned *ret_day) {
    unsigned since = (unsigned)(days + 719468), day = since % 146097; /* 0000-03-01 */
    unsigned year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    day -= 365 * year + year / 4 - year / 100;
    unsigned month = (5 * day + 2) / 153;
    *ret_day = day - (153 * month + 2) / 5 + 1;
    *ret_month = month < 10 ? month + 3 : month - 9;
    *ret_year = year + since / 146097 * 400 + (*ret_month <= 2);
}

/* Decimal digits, with leading zeros. */
static char *put_digits(char *to, unsigned value, int n) {
    for (int i = n; i-- > 0; value /= 10)
        to[i] = (char)('0' + value % 10);
    return to + n;
}

/* For every microsecond of a log: a tenth of what printf(3) takes. */
const char *time_format_fixed(int64_t time, char buffer[TIME_TEXT_SIZE]) {
    int64_t seconds = time / TIME_SECOND - (time % TIME_SECOND < 0);
    int64_t days = seconds / 86400 - (seconds % 86400 < 0);
    unsigned nanosecond = (unsigned)(time - seconds * TIME_SECOND);
    unsigned second = (unsigned)(seconds - days * 86400), year, month, day;
    split_days(days, &year, &month, &day);
    const struct {
        unsigned value;
        int digits;
        char after;
    } parts[] = {
        {year, 4, '-'},
        {month, 2, '-'},
        {day, 2, 'T'},
        {second / 3600, 2, ':'},
        {second / 60 % 60, 2, ':'},
        {second % 60, 2, '.'},
        {nanosecond, 9, 'Z'},
    };
    char *to = buffer;
    for (size_t i = 0; i < array_size(parts); i++) {
        to = put_digits(to, parts[i].value, parts[i].digits);
        *to++ = parts[i].after;
    }
    *to = '\0';
    return buffer;
}

const char *time_format(int64_t time, char buffer[TIME_TEXT_SIZE]) {
    if (time == 0) {
        snprintf(buffer, TIME_TEXT_SIZE, "0001-01-01T00:00:00Z");
        return buffer;
    }
    time_format_fixed(time, buffer);
    size_t n = strlen(buffer) - 1; /* at 'Z' */
    while (buffer[n - 1] == '0')
        n--;
    if (buffer[n - 1] == '.')
        n--;
    buffer[n] = 'Z';
    buffer[n + 1] = '\0';
    return buffer;
}

/* ".123" → nanoseconds; digits beyond the ninth are dropped. */
static const char *parse_fraction(const char *p, long *ret) {
    *ret = 0;
    if (*p != '.')
        return p;
    long scale = TIME_SECOND / 10;
    for (p++; isdigit((unsigned char)*p); p++, scale /= 10)
        *ret += (*p - '0') * scale;
    return p;
}

static bool parse_zone(const char *p, long *ret) {
    *ret = 0;
    if ((*p == 'Z' || *p == 'z') && !p[1])
        return true;
    int hours, minutes, n = 0;
    if ((*p != '+' && *p != '-') || sscanf(p + 1, "%2d:%2d%n", &hours, &minutes, &n) != 2 ||
        p[1 + n])
        return false;
    *ret = (hours * 60 + minutes) * 60L * (*p == '-' ? -1 : 1);
    return true;
}

/* The counterpart of split_days(). */
static int64_t join_days(unsigned year, unsigned month, unsigned day) {
    unsigned since = month <= 2 ? year - 1 : year, shifted = month <= 2 ? month + 9 : month - 3;
    return (int64_t)since * 365 + since / 4 - since / 100 + since / 400 + (153 * shifted + 2) / 5 +
           day - 1 - 719468;
}

/* "YYYY-MM-DDTHH:MM:SS" → seconds; a log has one in every line, hence no strptime(3). */
static const char *parse_seconds(const char *text, int64_t *ret) {
    static const char shape[] = "0000-00-00T00:00:00";
    unsigned fields[6] = {}, field = 0;
    for (size_t i = 0; shape[i]; i++) {
        unsigned digit = (unsigned)(text[i] - '0');
        if (shape[i] != '0' ? text[i] != shape[i] : digit > 9)
            return NULL;
        if (shape[i] == '0')
            fields[field] = fields[field] * 10 + digit;
        else
            field++;
    }
    if (fields[0] < 1 || fields[1] < 1 || fields[1] > 12 || fields[2] < 1 || fields[2] > 31 ||
        fields[3] > 23 || fields[4] > 59 || fields[5] > 60)
        return NULL;
    *ret = join_days(fields[0], fields[1], fields[2]) * 86400 +
           (int64_t)(fields[3] * 3600 + fields[4] * 60 + fields[5]);
    return text + sizeof shape - 1;
}

int time_parse(const char *text, int64_t *ret, Error *err) {
    int64_t seconds;
    long nanoseconds, zone;
    if (strcmp(text, "0001-01-01T00:00:00Z") == 0) {
        *ret = 0;
        return 0;
    }
    const char *p = parse_seconds(text, &seconds);
    if (p)
        p = parse_fraction(p, &nanoseconds);
    if (!p || !parse_zone(p, &zone))
        return error_set(err, ERROR_INVALID, "invalid time '%s': expected RFC 3339", text);
    seconds -= zone;
    if (seconds >= INT64_MAX / TIME_SECOND || seconds <= INT64_MIN / TIME_SECOND)
        return error_set(err, ERROR_INVALID, "invalid time '%s': not from 1678 to 2262", text);
    *ret = seconds * TIME_SECOND + nanoseconds;
    return 0;
}

static const struct {
    const char *name;
    int64_t duration;
} units[] = {
    {"ns", 1},
    {"us", 1000},
    {"ms", TIME_MILLISECOND},
    {"s", TIME_SECOND},
    {"m", 60 * TIME_SECOND},
    {"h", 3600 * TIME_SECOND},
    {},
};

static int64_t unit_duration(const char *name, size_t n) {
    for (size_t i = 0; units[i].name; i++)
        if (strlen(units[i].name) == n && memcmp(units[i].name, name, n) == 0)
            return units[i].duration;
    return 0;
}

int time_parse_duration(const char *text, const char *what, int64_t *ret, Error *err) {
    double total = 0;
    const char *p = text;
    if (strcmp(p, "0") == 0) {
        *ret = 0;
        return 0;
    }
    do {
        char *end;
        double value = isdigit((unsigned char)*p) || *p == '.' ? strtod(p, &end) : -1;
        size_t n = value < 0 ? 0 : strspn(end, "hmsnu");
        while (n > 1 && !unit_duration(end, n)) /* "1m30s": the unit ends where digits begin */
            n--;
        int64_t unit = n ? unit_duration(end, n) : 0;
        if (!unit)
            return error_set(
                err, ERROR_INVALID, "invalid %s '%s': expected a duration as 1m30s", what, text);
        total += value * (double)unit;
        p = end + n;
    } while (*p);
    if (!(total < 9.2e18))
        return error_set(err, ERROR_RANGE, "invalid %s '%s': too long", what, text);
    *ret = (int64_t)total;
    return 0;
}

/* A number with as many of the places below `unit` as it needs. */
static void format_part(int64_t value, int64_t unit, const char *name, char *buffer, size_t size) {
    int n = snprintf(buffer, size, "%lld", (long long)(value / unit));
    int64_t rest = value % unit;
    if (rest)
        n += snprintf(buffer + n, size - (size_t)n, ".");
    for (; rest; rest = rest * 10 % unit)
        n += snprintf(buffer + n, size - (size_t)n, "%lld", (long long)(rest * 10 / unit));
    snprintf(buffer + n, size - (size_t)n, "%s", name);
}

const char *time_format_duration(int64_t duration, char buffer[TIME_TEXT_SIZE]) {
    const int64_t minute = 60 * TIME_SECOND, hour = 60 * minute;
    int n = 0;
    if (duration >= hour)
        n += snprintf(buffer, TIME_TEXT_SIZE, "%lldh", (long long)(duration / hour));
    if (duration >= minute)
        n += snprintf(buffer + n, (size_t)(TIME_TEXT_SIZE - n), "%lldm",
            (long long)(duration % hour / minute));
    char *rest = buffer + n;
    size_t size = (size_t)(TIME_TEXT_SIZE - n);
    if (duration >= TIME_SECOND || duration == 0)
        format_part(duration % minute, TIME_SECOND, "s", rest, size);
    else if (duration >= TIME_MILLISECOND)
        format_part(duration, TIME_MILLISECOND, "ms", rest, size);
    else if (duration >= 1000)
        format_part(duration, 1000, "µs", rest, size);
    else
        format_part(duration, 1, "ns", rest, size);
    return buffer;
}

bool time_parse_unix(const char *text, int64_t *ret) {
    size_t digits = strspn(text, "0123456789");
    const char *fraction = text[digits] == '.' ? text + digits + 1 : "";
    size_t places = strspn(fraction, "0123456789");
    bool ends = text[digits] ? text[digits] == '.' && !fraction[places] : true;
    if (!digits || digits > 10 || places > 9 || !ends)
        return false;
    int64_t value = strtoll(text, NULL, 10) * TIME_SECOND, unit = TIME_SECOND / 10;
    for (size_t i = 0; i < places && value <= INT64_MAX - TIME_SECOND; i++, unit /= 10)
        value += (fraction[i] - '0') * unit;
    *ret = value;
    return true;
}
