// SPDX-License-Identifier: Apache-2.0
#include "cli/moment.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"

/* Date and time without a zone, to the precision given. */
static bool parse_local(const char *text, int64_t *ret) {
    static const char *const formats[] = {
        "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H", "%Y-%m-%d"};
    for (size_t i = 0; i < array_size(formats); i++) {
        struct tm tm = {.tm_isdst = -1};
        const char *end = strptime(text, formats[i], &tm);
        if (!end)
            continue;
        bool utc = text_equal(end, "Z");
        if (*end && !utc)
            continue;
        *ret = (int64_t)(utc ? timegm(&tm) : mktime(&tm)) * TIME_SECOND;
        return true;
    }
    return false;
}

int moment_parse(const char *text, const char *what, int64_t now, int64_t *ret, Error *err) {
    Error ignored = {};
    int64_t value = 0;
    if (time_parse_unix(text, ret) || parse_local(text, ret))
        return 0;
    if (time_parse(text, ret, &ignored) >= 0)
        return 0;
    if (time_parse_duration(text, what, &value, &ignored) >= 0) {
        *ret = now - value;
        return 0;
    }
    return error_set(err, ERROR_INVALID,
        "invalid value for \"%s\": '%s' is neither a time nor a duration", what, text);
}

int moment_filters(const OptionTexts *filters, JsonTexts *ret, Error *err) {
    for (size_t i = 0; i < filters->n; i++) {
        int64_t until = 0;
        if (!text_starts(filters->item[i], "until=")) {
            json_texts_add(ret, filters->item[i]);
            continue;
        }
        TRY(moment_parse(filters->item[i] + strlen("until="), "until", time_now(), &until, err));
        autofree char *text = text_format("until=%lld.%09lld", (long long)(until / TIME_SECOND),
            (long long)(until % TIME_SECOND));
        json_texts_add(ret, text);
    }
    return 0;
}
