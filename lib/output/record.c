// SPDX-License-Identifier: Apache-2.0
#include "output/record.h"

#include <string.h>

#include "base/time.h"

void output_record_done(OutputRecord *record) {
    text_done(&record->data);
    text_done(&record->details);
}

size_t output_measure_line(const char *bytes, size_t n) {
    const char *newline = n ? memchr(bytes, '\n', n) : NULL;
    return newline ? (size_t)(newline - bytes) + 1 : 0;
}

/* "TIME stdout|stderr TAGS BYTES\n"; of the tags, which colons divide, the first is P or F. */
static int cri_parse(const char *bytes, size_t n, OutputRecord *record, Error *err) {
    enum {
        STREAM = 8 /* " stdout " */
    };
    char when[TIME_TEXT_SIZE];
    const char *end = bytes + n - 1, *space = memchr(bytes, ' ', n);
    size_t time_n = space ? (size_t)(space - bytes) : 0;
    Error ignored;
    text_clear(&record->data);
    text_clear(&record->details);
    if (time_n == 0 || time_n >= sizeof when || end - space < STREAM + 2)
        return error_set(err, ERROR_CORRUPT, "not an entry of a cri log");
    memcpy(when, bytes, time_n);
    when[time_n] = '\0';
    record->is_stderr = memcmp(space, " stderr ", STREAM) == 0;
    const char *tags = space + STREAM, *data = memchr(tags, ' ', (size_t)(end - tags));
    bool partial = *tags == 'P';
    if (time_parse(when, &record->time, &ignored) < 0 || !data || (!partial && *tags != 'F') ||
        (!record->is_stderr && memcmp(space, " stdout ", STREAM) != 0))
        return error_set(err, ERROR_CORRUPT, "not an entry of a cri log");
    data++;
    text_append_bytes(&record->data, data, (size_t)(end - data));
    if (!partial)
        text_append_char(&record->data, '\n');
    return 0;
}

const OutputFormat output_cri = {true, output_measure_line, cri_parse};
