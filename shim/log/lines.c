// SPDX-License-Identifier: Apache-2.0
#include "shim/log/lines.h"

#include <string.h>

#include "base/time.h"

/* What one read brought is told apart by a nanosecond a piece, so that a time names a line. A clock
 * that was set back is followed. */
static int64_t time_after(int64_t last) {
    int64_t now = time_now();
    return now <= last && last - now < TIME_SECOND ? last + 1 : now;
}

static void emit(LogLines *lines, LogStream stream, const char *bytes, size_t n) {
    unsigned *ordinal = &lines->partial[stream].ordinal;
    const LogPiece piece = {.stream = stream,
        .ends_line = bytes[n - 1] == '\n',
        .ordinal = *ordinal,
        .time = lines->last++,
        .bytes = bytes,
        .n = n};
    *ordinal = piece.ends_line ? 0 : *ordinal + 1;
    lines->take(lines->owner, &piece);
}

/* How many bytes at the end are the beginning of a character that goes on. */
static size_t unfinished(const char *bytes, size_t n) {
    for (size_t k = 1; k <= 3 && k < n; k++) {
        unsigned char c = (unsigned char)bytes[n - k];
        if (c < 0x80)
            return 0;
        if (c >= 0xc0)
            return (c >= 0xf0 ? 4 : c >= 0xe0 ? 3U : 2U) > k ? k : 0;
    }
    return 0;
}

/* Straight from the caller's bytes when nothing waits, else through the partial line. Returns how
 * many of them are gone. */
static size_t add(LogLines *lines, LogStream stream, const char *bytes, size_t n) {
    Text *text = &lines->partial[stream].text;
    bool ends = bytes[n - 1] == '\n';
    if (text->length == 0) {
        size_t whole = n - (ends ? 0 : unfinished(bytes, n));
        emit(lines, stream, bytes, whole);
        return whole;
    }
    text_append_bytes(text, bytes, n);
    size_t kept = ends ? 0 : unfinished(text->data, text->length);
    size_t whole = text->length - kept;
    emit(lines, stream, text->data, whole);
    memmove(text->data, text->data + whole, kept);
    text->length = kept;
    return n;
}

void log_lines_write(LogLines *lines, LogStream stream, const char *bytes, size_t n) {
    const Text *partial = &lines->partial[stream].text;
    lines->last = time_after(lines->last);
    while (n > 0) {
        size_t room = LOG_PIECE_MAX - partial->length;
        size_t span = n < room ? n : room;
        const char *newline = memchr(bytes, '\n', span);
        if (newline)
            span = (size_t)(newline - bytes) + 1;
        if (!newline && span < room) {
            text_append_bytes(&lines->partial[stream].text, bytes, span);
            break;
        }
        span = add(lines, stream, bytes, span);
        bytes += span;
        n -= span;
    }
}

void log_lines_flush(LogLines *lines, LogStream stream) {
    Text *text = &lines->partial[stream].text;
    lines->last = time_after(lines->last);
    if (text->length > 0)
        emit(lines, stream, text->data, text->length);
    lines->partial[stream].ordinal = 0;
    text_done(text);
}

void log_lines_done(LogLines *lines) {
    for (int i = 0; i < LOG_STREAMS; i++)
        text_done(&lines->partial[i].text);
}
