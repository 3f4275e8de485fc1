// SPDX-License-Identifier: Apache-2.0
#include "shim/metrics/counter.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"

enum {
    FILE_MAX = 1 << 20
};

bool counter_file(int directory, const char *file, Text *ret) {
    Error ignored;
    text_clear(ret);
    return directory >= 0 && file_read(directory, file, FILE_MAX, ret, &ignored) >= 0;
}

static uint64_t parse(const char *number) {
    return text_starts(number, "max") ? UINT64_MAX : strtoull(number, NULL, 10);
}

/* The number after "key " at the start of a line. */
static uint64_t find(const char *text, const char *key) {
    size_t n = strlen(key);
    for (const char *line = text; line && *line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, n) == 0 && line[n] == ' ')
            return parse(line + n + 1);
    }
    return 0;
}

void counters_read(int directory, const Counter *rows, void *into) {
    autodone(Text) text = {};
    const char *file = NULL;
    for (const Counter *row = rows; row->file; row++) {
        if (file != row->file) {
            counter_file(directory, row->file, &text);
            file = row->file;
        }
        if (text.length == 0)
            continue;
        uint64_t value = row->key ? find(text.data, row->key) : parse(text.data);
        *(uint64_t *)((char *)into + row->offset) = value * (row->factor ? row->factor : 1);
    }
}

void counter_lines(
    int directory, const char *file, void (*take)(void *owner, char *line), void *owner) {
    autodone(Text) text = {};
    if (!counter_file(directory, file, &text))
        return;
    for (char *rest = text.data, *line; (line = strsep(&rest, "\n"));)
        if (*line)
            take(owner, line);
}

void counter_page_sizes(int directory, const char *suffix,
    void (*take)(void *owner, int directory, const char *size), void *owner) {
    static const char prefix[] = "hugetlb.";
    int copy = directory < 0 ? -1 : openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = copy < 0 ? NULL : fdopendir(copy);
    if (!stream)
        return;
    for (struct dirent *entry; (entry = readdir(stream));) {
        const char *size = entry->d_name + strlen(prefix);
        if (!text_starts(entry->d_name, prefix) || !text_ends(size, suffix))
            continue;
        autofree char *page = text_copy_n(size, strlen(size) - strlen(suffix));
        if (!strchr(page, '.')) /* not hugetlb.2MB.rsvd.… */
            take(owner, directory, page);
    }
    closedir(stream);
}
