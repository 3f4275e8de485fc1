// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/path.h"
#include "runtime/checkpoint/images.h"

/* The end of criu's log, which runs to megabytes, and what matters of it. */
enum {
    TAIL_MAX = 256 << 10,
    BEFORE = 5,      /* lines that lead to an error */
    QUOTED_MAX = 60, /* lines */
    LINE_MAX_QUOTED = 500
};

static int read_tail(const Images *images, Text *ret, Error *err) {
    autoclose int fd = -1;
    TRY(file_open_beneath(
        images->work, path_name(images->log), O_RDONLY | O_NONBLOCK, 0, &fd, err));
    struct stat st;
    if (fstat(fd, &st) == 0 && st.st_size > TAIL_MAX)
        (void)lseek(fd, -TAIL_MAX, SEEK_END);
    return fd_read_all(fd, TAIL_MAX + 1, ret, err);
}

/* "(00.008109) Error (criu/util.c:1152): Unable to mount tmpfs": what follows the place. */
static const char *error_in(const char *line) {
    static const char *const harmless[] = {"rlimit: Can't", " FAILED.", NULL};
    const char *start = strstr(line, "Error (");
    const char *text = start ? strstr(start, "): ") : NULL;
    for (const char *const *each = harmless; text && *each; each++)
        if (strstr(text, *each))
            return NULL;
    return text ? text + strlen("): ") : NULL;
}

char *images_find_error(const Images *images) {
    autodone(Text) text = {};
    Error ignored;
    if (read_tail(images, &text, &ignored) < 0)
        return NULL;
    char *rest = text.data;
    for (char *line; (line = strsep(&rest, "\n"));) {
        const char *found = error_in(line);
        if (found)
            return text_format("%.*s", LINE_MAX_QUOTED, found);
    }
    return NULL;
}

/* Marks each line that tells of an error, with those just before it; the number of marks. */
static size_t mark(char *const *lines, size_t n, bool *marks) {
    size_t count = 0;
    for (size_t i = n; i-- > 0 && count < QUOTED_MAX;) {
        if (!strstr(lines[i], "Error"))
            continue;
        for (size_t k = i > BEFORE ? i - BEFORE : 0; k <= i; k++) {
            count += !marks[k];
            marks[k] = true;
        }
    }
    return count;
}

void images_quote_log(const Images *images) {
    autodone(Text) text = {};
    Error ignored;
    if (!images->log || read_tail(images, &text, &ignored) < 0)
        return;
    autotexts char **lines = texts_split(text.data, '\n');
    size_t n = texts_count(lines);
    autofree bool *marks = new_array(bool, n + 1);
    if (!mark(lines, n, marks))
        return;
    log_warning("--- Quoting \"%s\"", images->log);
    bool any = false;
    for (size_t i = 0; i < n; i++) {
        if (marks[i])
            log_warning("%.*s", LINE_MAX_QUOTED, lines[i]);
        else if (any && marks[i + 1])
            log_warning("...");
        any = any || marks[i];
    }
    log_warning("---");
}
