// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "shim/log/sink.h"

/* What a log driver does: a file of its own with one of these, a row in sink.c. The driver's state
 * begins with a LogSink. Only for shim/log. */
typedef struct LogDriver {
    int (*open)(const LogSinkOptions *options, LogSink **ret, Error *err);
    void (*write)(LogSink *sink, LogStream stream, const char *bytes, size_t n);
    void (*flush)(LogSink *sink, LogStream stream);
    void (*close)(LogSink *sink); /* after flushes; frees it */
    /* What was written and is not in the log yet; NULL: nothing ever is. */
    const Text *(*partial)(const LogSink *sink, LogStream stream);
} LogDriver;

struct LogSink {
    const LogDriver *driver;
    OutputDriver kind;
    char *path; /* of its file; NULL: none that can be read back */
    bool full;
    bool behind; /* something is not in the log yet, and will be */
};

extern const LogDriver log_json_file, log_local, log_cri, log_journald, log_syslog, log_plain;

static inline const char *log_stream_name(LogStream stream) {
    return stream == LOG_STDOUT ? "stdout" : "stderr";
}
