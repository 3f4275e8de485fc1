// SPDX-License-Identifier: Apache-2.0
#include "shim/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/text.h"

static int hex_digit(char c) {
    static const char digits[] = "0123456789abcdef";
    const char *found = c ? strchr(digits, c | 0x20) : NULL;
    return found ? (int)(found - digits) : -1;
}

/* RFC 3986 §2.1, and '+' for a blank in queries, as HTML forms have it. */
static char *unescape(const char *text, size_t n, bool query) {
    Text out = {};
    for (size_t i = 0; i < n; i++) {
        int high = text[i] == '%' && i + 2 < n ? hex_digit(text[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
        if (low >= 0) {
            text_append_char(&out, (char)(high << 4 | low));
            i += 2;
        } else
            text_append_char(&out, query && text[i] == '+' ? ' ' : text[i]);
    }
    return text_take(&out);
}

static void add_word(JsonTexts *words, const char *text, size_t n, bool query) {
    autofree char *word = unescape(text, n, query);
    json_texts_add(words, word);
}

/* What follows the scheme: the path, then the query's words. */
static JsonTexts split_uri(const char *rest) {
    JsonTexts words = {};
    size_t n = strcspn(rest, "?#");
    add_word(&words, rest, n, false);
    autofree char *query =
        rest[n] == '?' ? text_copy_n(rest + n + 1, strcspn(rest + n + 1, "#")) : text_copy("");
    autotexts char **pairs = texts_split(query, '&');
    for (char **pair = pairs; pair && *pair; pair++) {
        size_t name = strcspn(*pair, "=");
        const char *value = (*pair)[name] ? *pair + name + 1 : "";
        add_word(&words, *pair, name, true);
        add_word(&words, value, strlen(value), true);
    }
    return words;
}

static const char *after_scheme(const char *uri, const char *scheme) {
    size_t n = strlen(scheme);
    return strncmp(uri, scheme, n) == 0 ? uri + n : NULL;
}

static int open_file(const OutputOptions *options, const char *rest, LogSink **ret, Error *err) {
    autodone(JsonTexts) words = split_uri(rest);
    const LogSinkOptions file = {.plain = true,
        .path = words.item[0],
        .loop = options->loop,
        .apart = options->apart,
        .ready = options->ready,
        .owner = options->owner};
    if (!path_is_absolute(file.path))
        return error_set(
            err, ERROR_INVALID, "output to 'file://%.200s' is not an absolute path", rest);
    return log_sink_open(&file, ret, err);
}

/* Both ends of a FIFO are open here, so that it neither waits for its reader nor breaks when one
 * leaves; a full FIFO stops the program, as containerd's clients expect. Whether there is a reader
 * is asked before (ENXIO, fifo(7)); one that waits for a writer has one from there on. */
static int open_fifo(const char *path, int *ret_fd, bool *ret_unmet, Error *err) {
    autoclose int writer = -1;
    Error no;
    int r = file_open(AT_FDCWD, path, O_WRONLY | O_NONBLOCK, 0, &writer, &no);
    *ret_unmet = r < 0 && no.sys == ENXIO;
    return file_open(AT_FDCWD, path, O_RDWR | O_APPEND | O_NONBLOCK, 0, ret_fd, err);
}

static int open_one(const OutputOptions *options, LogStream stream, Output *output, Error *err) {
    const char *path = options->paths[stream];
    if (text_is_empty(path))
        return 0;
    if (stream == LOG_STDERR && output->files[LOG_STDOUT] &&
        text_equal(path, options->paths[LOG_STDOUT])) {
        output->files[stream] = output->files[LOG_STDOUT];
        return 0;
    }
    const char *file = after_scheme(path, "file://"), *fifo = after_scheme(path, "fifo://");
    if (file)
        return open_file(options, file, &output->files[stream], err);
    if (!fifo && strstr(path, "://"))
        return error_set(err, ERROR_INVALID, "output to '%.200s' is not supported", path);
    return open_fifo(fifo ? fifo : path, &output->fds[stream], &output->unmet[stream], err);
}

static int start_logger(
    const OutputOptions *options, const char *rest, bool strict, Output *ret, Error *err) {
    autodone(JsonTexts) words = split_uri(rest);
    if (!path_is_absolute(words.item[0]))
        return error_set(
            err, ERROR_INVALID, "logging program '%.200s' is not an absolute path", words.item[0]);
    const LoggerOptions logger = {.loop = options->loop,
        .argv = words.item,
        .id = options->id,
        .name_space = options->name_space,
        .strict = strict,
        .farewells = options->farewells};
    return logger_start(&logger, &ret->logger, ret->fds, err);
}

void output_close_files(LogSink *files[LOG_STREAMS]) {
    if (files[LOG_STDERR] != files[LOG_STDOUT])
        log_sink_free(files[LOG_STDERR]);
    log_sink_free(files[LOG_STDOUT]);
    files[LOG_STDOUT] = files[LOG_STDERR] = NULL;
}

int output_open(const OutputOptions *options, Output *ret, Error *err) {
    const char *path = options->paths[LOG_STDOUT] ? options->paths[LOG_STDOUT] : "";
    const char *program = after_scheme(path, "binary://");
    const char *strict = after_scheme(path, "binary-v2://");
    Output output = {.fds = {-1, -1}};
    int r = 0;
    if (program || strict)
        r = start_logger(options, program ? program : strict, strict != NULL, &output, err);
    for (LogStream stream = 0; r >= 0 && !output.logger && stream < LOG_STREAMS; stream++)
        r = open_one(options, stream, &output, err);
    if (r < 0) {
        for (int i = 0; i < LOG_STREAMS; i++)
            if (output.fds[i] >= 0)
                close(output.fds[i]);
        output_close_files(output.files);
        return r;
    }
    *ret = output;
    return 0;
}
