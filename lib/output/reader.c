// SPDX-License-Identifier: Apache-2.0
#include "output/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "base/text.h"
#include "output/record.h"
#include "output/source.h"

enum {
    FILES_MAX = 4096,
    HOLES_MAX = 8, /* names in a row that are missing; a rotation that was broken off leaves one */
    ATTEMPTS = 100,
    BLOCK = 64 * 1024,
};

/* A file is known by its inode, which keeps its number while its name moves from PATH to PATH.1 and
 * further, and cannot get another's as long as we hold it open. While we hold its lock it is not
 * replaced by its compressed form either. `source` is the file we are in; its name is looked for
 * when it has no more lines. */
struct OutputReader {
    char *path;
    const OutputFormat *format;
    int64_t since, skip;  /* skip: lines that are not wanted */
    OutputSource *source; /* NULL: none yet */
    char *buffer;
    size_t start, length, capacity; /* unread bytes: buffer[start … length) */
    bool oversized;                 /* in an entry that is too long */
    bool gap;                       /* to be told */
    OutputRecord record;
    size_t told;   /* bytes of the record that were passed on */
    unsigned line; /* of the record: number of the next one */
};

static const OutputFormat *const formats[OUTPUT_DRIVERS] = {
    [OUTPUT_JSON_FILE] = &output_json_file,
    [OUTPUT_CRI] = &output_cri,
    [OUTPUT_LOCAL] = &output_local,
};

typedef struct Found {
    char name[PATH_MAX];
    ino_t inode;
} Found;

/* PATH, PATH.1 or PATH.1.gz, … */
static bool find_index(const OutputReader *reader, unsigned index, Found *ret) {
    static const char *const suffixes[] = {"", ".gz"};
    struct stat status;
    for (size_t i = 0; i < (index ? array_size(suffixes) : 1); i++) {
        if (index)
            snprintf(ret->name, sizeof ret->name, "%s.%u%s", reader->path, index, suffixes[i]);
        else
            snprintf(ret->name, sizeof ret->name, "%s", reader->path);
        if (fstatat(AT_FDCWD, ret->name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
            ret->inode = status.st_ino;
            return true;
        }
    }
    return false;
}

static void switch_to(OutputReader *reader, OutputSource *source) {
    output_source_close(reader->source);
    reader->source = source;
    reader->start = reader->length = 0;
    reader->oversized = false;
}

/* Files only ever move to higher numbers: going up, one may be met twice, and none is missed. */
typedef struct Walk {
    unsigned index, holes;
} Walk;

static bool walk(const OutputReader *reader, Walk *walk, Found *ret) {
    while (walk->index < FILES_MAX && walk->holes < HOLES_MAX) {
        if (find_index(reader, walk->index++, ret)) {
            walk->holes = 0;
            return true;
        }
        walk->holes++;
    }
    return false;
}

/* ERROR_NOT_FOUND: the name is another file's by now. */
static int open_found(
    const OutputReader *reader, const Found *found, OutputSource **ret, Error *err) {
    TRY(output_source_open(found->name, reader->format, ret, err));
    if (output_source_inode(*ret) == found->inode)
        return 0;
    output_source_close(*ret);
    *ret = NULL;
    return error_set(err, ERROR_NOT_FOUND, "'%s' has moved on", found->name);
}

/* From the newest to the oldest, as far as is wanted. ERROR_NOT_FOUND: a rotation came between. */
static int open_first(OutputReader *reader, int64_t tail, Error *err) {
    bool all = tail == OUTPUT_TAIL_ALL;
    Walk up = {};
    Found found;
    ino_t last = 0;
    while ((all || tail > 0 || !reader->source) && walk(reader, &up, &found)) {
        OutputSource *source;
        if (found.inode == last)
            continue;
        TRY(open_found(reader, &found, &source, err));
        last = found.inode;
        switch_to(reader, source);
        if (!all)
            TRY(output_source_tail(source, up.index == 1, &tail, &reader->skip, err));
    }
    if (reader->source && reader->since)
        TRY(output_source_since(reader->source, reader->since, err));
    return reader->source ? output_source_details(reader->source, &reader->record.details, err) : 0;
}

int output_reader_open(const OutputReaderOptions *options, OutputReader **ret, Error *err) {
    autoptr(OutputReader) reader = new (OutputReader);
    reader->path = text_copy(options->path);
    reader->format = formats[options->driver];
    reader->since = options->since;
    if (!reader->format)
        return error_set(err, ERROR_UNSUPPORTED, "log driver '%s' writes no file",
            output_driver_name(options->driver));
    int r = ERROR_NOT_FOUND;
    for (int i = 0; r == ERROR_NOT_FOUND && i < ATTEMPTS; i++) {
        switch_to(reader, NULL);
        r = open_first(reader, options->tail, err);
    }
    TRY(r);
    *ret = take_ptr(&reader);
    return 0;
}

void output_reader_close(OutputReader *reader) {
    if (!reader)
        return;
    output_source_close(reader->source);
    output_record_done(&reader->record);
    free(reader->path);
    free(reader->buffer);
    free(reader);
}

/* More of the current file; 0 at its end. */
static int fill(OutputReader *reader, Error *err) {
    if (reader->start > 0) {
        reader->length -= reader->start;
        memmove(reader->buffer, reader->buffer + reader->start, reader->length);
        reader->start = 0;
    }
    if (output_source_shrank(reader->source, reader->length))
        reader->length = 0;
    if (reader->capacity - reader->length < BLOCK) {
        reader->capacity = reader->length + 2 * BLOCK;
        reader->buffer = memory_resize(reader->buffer, reader->capacity, 1);
    }
    int n = output_source_read(reader->source, reader->buffer + reader->length, BLOCK, err);
    if (n == ERROR_CORRUPT) { /* the rest of a damaged file */
        reader->gap = true;
        return 0;
    }
    TRY(n);
    reader->length += (size_t)n;
    return n;
}

/* The next entry that parses, of what is in the buffer. */
static bool take_record(OutputReader *reader) {
    for (;;) {
        Error ignored;
        size_t left = reader->length - reader->start;
        const char *bytes = left ? reader->buffer + reader->start : NULL; /* no buffer at first */
        size_t n = left ? reader->format->measure(bytes, left) : 0;
        if (n == 0) {
            if (left > OUTPUT_ENTRY_MAX) {
                reader->oversized = true;
                reader->start = reader->length;
            }
            return false;
        }
        reader->start += n;
        bool whole = !reader->oversized;
        reader->oversized = false;
        reader->told = 0;
        reader->line = 0;
        if (whole && reader->format->parse(bytes, n, &reader->record, &ignored) == 0 &&
            reader->record.data.length > 0)
            return true;
        text_clear(&reader->record.data);
    }
}

/* Of the file that was written after ours, if ours was rotated. 1: *ret is open. */
static int find_newer(OutputReader *reader, OutputSource **ret, Error *err) {
    ino_t own = reader->source ? output_source_inode(reader->source) : 0;
    for (int i = 0; i < ATTEMPTS; i++) {
        Walk up = {};
        Found found, newer = {};
        bool met = false;
        while (!met && walk(reader, &up, &found)) {
            met = found.inode == own;
            if (!met)
                newer = found;
        }
        if (!newer.inode)
            return 0;
        if (reader->source && !met && !output_source_is_removed(reader->source))
            continue; /* renamed just now */
        int r = open_found(reader, &newer, ret, err);
        if (r == ERROR_NOT_FOUND)
            continue;
        TRY(r);
        reader->gap |= reader->source && !met;
        return 1;
    }
    return 0; /* later */
}

/* 1: bytes have come. */
static int advance(OutputReader *reader, Error *err) {
    OutputSource *newer = NULL;
    int n = reader->source ? fill(reader, err) : 0;
    if (n != 0)
        return n < 0 ? n : 1;
    int rotated = find_newer(reader, &newer, err);
    if (rotated <= 0)
        return rotated;
    /* what was written between our last read and the rotation comes first */
    n = reader->source ? fill(reader, err) : 0;
    if (n == 0) {
        switch_to(reader, newer);
        if (reader->since)
            n = output_source_since(newer, reader->since, err);
        return n < 0 ? n : 1;
    }
    output_source_close(newer);
    return n < 0 ? n : 1;
}

static bool take_line(OutputReader *reader, OutputLine *ret) {
    const OutputRecord *record = &reader->record;
    while (reader->told < record->data.length) {
        const char *bytes = record->data.data + reader->told;
        size_t left = record->data.length - reader->told;
        const char *newline = reader->format->by_line ? NULL : memchr(bytes, '\n', left);
        size_t n = newline ? (size_t)(newline - bytes) + 1 : left;
        *ret = (OutputLine){bytes, n, record->time + reader->line++, record->is_stderr,
            record->details.length ? record->details.data : ""};
        reader->told += n;
        if (reader->skip == 0)
            return true;
        reader->skip -= bytes[n - 1] == '\n' || reader->format->by_line;
    }
    return false;
}

static bool tell_gap(OutputReader *reader, OutputLine *ret) {
    static const char text[] = "tare: output is missing here: the log was rotated away before it "
                               "could be read, or is damaged\n";
    if (!reader->gap)
        return false;
    *ret = (OutputLine){text, sizeof text - 1, reader->record.time, true, ""};
    reader->gap = false;
    return true;
}

int output_reader_next(OutputReader *reader, OutputLine *ret, Error *err) {
    for (;;) {
        if (take_line(reader, ret) || tell_gap(reader, ret))
            return 1;
        if (take_record(reader))
            continue;
        int r = advance(reader, err);
        if (r <= 0)
            return r;
    }
}
