// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/text.h"
#include "shim/log/driver.h"

/* What a client wants as it is in a file: nothing is added to it, so what could not be written is
 * told in the shim's own log. */
typedef struct Plain {
    LogSink sink;
    char *path;
    int fd;
    bool failed; /* and told */
} Plain;

static void write_bytes(LogSink *sink, LogStream stream, const char *bytes, size_t n) {
    Plain *plain = (Plain *)sink;
    while (n > 0) {
        ssize_t written = write(plain->fd, bytes, n);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0) {
            if (!plain->failed)
                log_error("output to '%s' is lost: %s", plain->path, strerrordesc_np(errno));
            plain->failed = true;
            return;
        }
        plain->failed = false;
        bytes += written;
        n -= (size_t)written;
    }
}

static void flush(LogSink *sink, LogStream stream) {
}

static void close_sink(LogSink *sink) {
    Plain *plain = (Plain *)sink;
    if (plain->fd >= 0)
        close(plain->fd);
    free(plain->path);
    free(plain);
}

static int open_sink(const LogSinkOptions *options, LogSink **ret, Error *err) {
    autofree char *parent = path_parent(options->path);
    int fd;
    TRY(file_make_dirs(parent, 0755, err));
    TRY(file_open(AT_FDCWD, options->path, O_WRONLY | O_APPEND | O_CREAT, 0640, &fd, err));
    Plain *plain = new (Plain);
    *plain = (Plain){.path = text_copy(options->path), .fd = fd};
    *ret = &plain->sink;
    return 0;
}

const LogDriver log_plain = {open_sink, write_bytes, flush, close_sink, NULL};
