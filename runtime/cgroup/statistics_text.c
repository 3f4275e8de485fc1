// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/statistics_text.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"

enum {
    FILE_MAX = 1 << 20,
    LIST_MAX = 8192 /* CPUs; the kernel's own limit */
};

const char *statistics_read(const CgroupDirectory *d, const char *file, Text *ret) {
    Error ignored;
    autofree char *path = d ? text_format("%s/%s", d->path, file) : NULL;
    text_clear(ret);
    if (path && file_read(AT_FDCWD, path, FILE_MAX, ret, &ignored) < 0)
        text_clear(ret);
    return ret->data ? ret->data : "";
}

uint64_t statistics_read_number(const CgroupDirectory *d, const char *file) {
    autodone(Text) text = {};
    return statistics_parse_number(statistics_read(d, file, &text));
}

void statistics_read_pids(const CgroupDirectory *d, PidsStatistics *ret) {
    uint64_t limit = statistics_read_number(d, "pids.max");
    ret->current = statistics_uint(statistics_read_number(d, "pids.current"));
    ret->limit = statistics_uint(limit == UINT64_MAX ? 0 : limit);
}

JsonUint statistics_uint(uint64_t value) {
    return (JsonUint){value != 0, value};
}

uint64_t statistics_parse_number(const char *text) {
    if (text_starts(text, "max"))
        return UINT64_MAX;
    return isdigit((unsigned char)*text) ? strtoull(text, NULL, 10) : 0;
}

uint64_t statistics_find(const char *text, const char *key) {
    size_t n = strlen(key);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, n) == 0 && line[n] == ' ')
            return statistics_parse_number(line + n + 1);
    }
    return 0;
}

char *statistics_parse_map(const char *text) {
    Text out = {};
    autotexts char **lines = texts_split(text, '\n');
    for (char **line = lines; *line; line++) {
        char *value = strchr(*line, ' ');
        if (!value || value == *line || !isdigit((unsigned char)value[1]))
            continue;
        text_append_char(&out, out.length ? ',' : '{');
        json_append_string(&out, *line, (size_t)(value - *line));
        text_append_format(&out, ":%llu", (unsigned long long)statistics_parse_number(value + 1));
    }
    if (!out.length)
        return NULL;
    text_append_char(&out, '}');
    return text_take(&out);
}

static void add(JsonUints *list, uint64_t value) {
    if (list->n < LIST_MAX)
        array_append(list->item, list->n, value);
}

JsonUints statistics_parse_list(const char *text) {
    JsonUints list = {};
    for (const char *at = text; *(at += strspn(at, " ,\n"));) {
        char *end;
        if (!isdigit((unsigned char)*at))
            break;
        uint64_t from = strtoull(at, &end, 10), to = from;
        if (*end == '-' && isdigit((unsigned char)end[1]))
            to = strtoull(end + 1, &end, 10);
        for (uint64_t i = from; i <= to && list.n < LIST_MAX; i++)
            add(&list, i);
        at = end;
    }
    return list;
}

JsonUints statistics_parse_column(const char *text, unsigned column) {
    JsonUints list = {};
    const char *line = strchr(text, '\n');
    for (; line && line[1]; line = strchr(line + 1, '\n')) {
        const char *at = line + 1;
        for (unsigned i = 0; i < column && *at; i++) {
            at += strcspn(at, " \n");
            at += strspn(at, " ");
        }
        if (!isdigit((unsigned char)*at))
            break;
        add(&list, strtoull(at, NULL, 10));
    }
    return list;
}

static void add_entry(JsonObjects *ret, unsigned long long major, unsigned long long minor,
    const char *operation, uint64_t value) {
    BlockIoEntry *entry = json_objects_add(ret, &statistics_block_io_entry_type);
    *entry = (BlockIoEntry){.major = statistics_uint(major),
        .minor = statistics_uint(minor),
        .operation = text_is_empty(operation) ? NULL : text_copy(operation),
        .value = statistics_uint(value)};
}

void statistics_parse_blkio(const char *text, JsonObjects *ret) {
    autotexts char **lines = texts_split(text, '\n');
    for (char **line = lines; *line; line++) {
        unsigned long long major, minor, value;
        char operation[32] = "";
        if (sscanf(*line, "%llu:%llu %31[A-Za-z] %llu", &major, &minor, operation, &value) == 4 ||
            (*operation = '\0', sscanf(*line, "%llu:%llu %llu", &major, &minor, &value) == 3))
            add_entry(ret, major, minor, operation, value);
    }
}

void statistics_parse_io(const char *text, JsonObjects *ret_bytes, JsonObjects *ret_serviced) {
    static const struct {
        const char *word, *operation;
        bool bytes;
    } words[] = {{"rbytes=", "Read", true}, {"wbytes=", "Write", true}, {"rios=", "Read", false},
        {"wios=", "Write", false}};
    autotexts char **lines = texts_split(text, '\n');
    for (char **line = lines; *line; line++) {
        unsigned long long major, minor;
        if (sscanf(*line, "%llu:%llu ", &major, &minor) != 2)
            continue;
        for (size_t i = 0; i < array_size(words); i++) {
            const char *at = strstr(*line, words[i].word);
            if (at && at[-1] == ' ')
                add_entry(words[i].bytes ? ret_bytes : ret_serviced, major, minor,
                    words[i].operation, statistics_parse_number(at + strlen(words[i].word)));
        }
    }
}

static Pressure *parse_pressure_line(const char *line) {
    double avg10, avg60, avg300;
    unsigned long long total;
    if (sscanf(line, "%*s avg10=%lf avg60=%lf avg300=%lf total=%llu", &avg10, &avg60, &avg300,
            &total) != 4)
        return NULL;
    Pressure *pressure = new (Pressure);
    *pressure = (Pressure){{true, avg10}, {true, avg60}, {true, avg300}, {true, total}};
    return pressure;
}

PressureStatistics *statistics_parse_pressure(const char *text) {
    autotexts char **lines = texts_split(text, '\n');
    PressureStatistics *pressure = NULL;
    for (char **line = lines; *line; line++) {
        bool some = text_starts(*line, "some ");
        if (!some && !text_starts(*line, "full "))
            continue;
        pressure = pressure ? pressure : new (PressureStatistics);
        Pressure **at = some ? &pressure->some : &pressure->full;
        if (!*at)
            *at = parse_pressure_line(*line);
    }
    return pressure;
}
