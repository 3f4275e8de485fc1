// SPDX-License-Identifier: Apache-2.0
#include "cli/environment.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"

enum {
    FILE_MAX = 1 << 20
};

static void add(char ***texts, size_t *n, char *text) {
    array_append(*texts, *n, text);
}

static void add_variable(char ***texts, size_t *n, const char *variable) {
    if (strchr(variable, '=')) {
        add(texts, n, text_copy(variable));
        return;
    }
    const char *value = getenv(variable);
    if (value)
        add(texts, n, text_format("%s=%s", variable, value));
}

static int parse_line(
    const char *name, size_t number, const char *line, char ***texts, size_t *n, Error *err) {
    line += strspn(line, " \t");
    if (!*line || *line == '#')
        return 0;
    size_t name_length = strcspn(line, "=");
    if (!name_length)
        return error_set(
            err, ERROR_INVALID, "%s: line %zu: no variable name on line '%s'", name, number, line);
    if (strcspn(line, " \t") < name_length)
        return error_set(err, ERROR_INVALID, "%s: line %zu: variable '%.*s' contains whitespaces",
            name, number, (int)name_length, line);
    add_variable(texts, n, line);
    return 0;
}

int environment_parse(
    const char *name, const char *text, size_t length, char ***texts, size_t *n, Error *err) {
    if (length && memchr(text, 0, length))
        return error_set(err, ERROR_INVALID, "%s: contains a NUL byte", name);
    if (length >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) { // a byte order mark
        text += 3;
        length -= 3;
    }
    for (size_t number = 1; length; number++) {
        const char *end = memchr(text, '\n', length);
        size_t line_length = end ? (size_t)(end - text) : length;
        size_t step = line_length + (end != NULL);
        if (line_length && text[line_length - 1] == '\r')
            line_length--;
        autofree char *line = text_copy_n(text, line_length);
        TRY(parse_line(name, number, line, texts, n, err));
        text += step;
        length -= step;
    }
    return 0;
}

static int read_file(const char *name, char ***texts, size_t *n, Error *err) {
    autoclose int fd = -1;
    TRY(file_open(AT_FDCWD, name, O_RDONLY, 0, &fd, err)); // may be a pipe: <(…)
    autodone(Text) text = {};
    if (fd_read_all(fd, FILE_MAX, &text, err) < 0)
        return error_prefix(err, "cannot read '%s'", name);
    return environment_parse(name, text.data, text.length, texts, n, err);
}

int environment_collect(
    const OptionTexts *files, const OptionTexts *variables, char ***ret, Error *err) {
    autotexts char **texts = NULL;
    size_t n = 0;
    int result = 0;
    for (size_t i = 0; i < files->n && result >= 0; i++)
        result = read_file(files->item[i], &texts, &n, err);
    for (size_t i = 0; i < variables->n && result >= 0; i++) {
        if (!*variables->item[i] || *variables->item[i] == '=')
            result = error_set(
                err, ERROR_INVALID, "invalid environment variable: %s", variables->item[i]);
        else
            add_variable(&texts, &n, variables->item[i]);
    }
    add(&texts, &n, NULL);
    TRY(result);
    *ret = take_ptr(&texts);
    return 0;
}
