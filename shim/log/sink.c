// SPDX-License-Identifier: Apache-2.0
#include "shim/log/sink.h"

#include <stdlib.h>

#include "base/memory.h"
#include "base/text.h"
#include "shim/log/apart.h"

static const LogDriver *const drivers[OUTPUT_DRIVERS] = {
    [OUTPUT_JSON_FILE] = &log_json_file,
    [OUTPUT_LOCAL] = &log_local,
    [OUTPUT_CRI] = &log_cri,
    [OUTPUT_JOURNALD] = &log_journald,
    [OUTPUT_SYSLOG] = &log_syslog,
};

int log_sink_open(const LogSinkOptions *options, LogSink **ret, Error *err) {
    const LogDriver *driver = options->plain ? &log_plain : drivers[options->settings.driver];
    bool writes_file = options->plain || output_driver_suffix(options->settings.driver);
    *ret = NULL;
    if (!options->plain && options->settings.driver == OUTPUT_NONE)
        return 0;
    if (!driver)
        return error_set(err, ERROR_UNSUPPORTED, "logger: this shim has no driver '%s'",
            output_driver_name(options->settings.driver));
    if (options->apart && writes_file)
        driver = &log_apart;
    TRY(driver->open(options, ret, err));
    (*ret)->driver = driver;
    (*ret)->kind = options->settings.driver;
    if (writes_file && !options->plain)
        (*ret)->path = text_copy(options->path);
    return 0;
}

void log_sink_write(LogSink *sink, LogStream stream, const char *bytes, size_t n) {
    sink->driver->write(sink, stream, bytes, n);
}

void log_sink_flush(LogSink *sink, LogStream stream) {
    sink->driver->flush(sink, stream);
}

bool log_sink_is_full(const LogSink *sink) {
    return sink && sink->full;
}

bool log_sink_is_behind(const LogSink *sink) {
    return sink && sink->behind;
}

LogSink *log_sink_free(LogSink *sink) {
    if (!sink)
        return NULL;
    for (LogStream stream = LOG_STDOUT; stream < LOG_STREAMS; stream++)
        sink->driver->flush(sink, stream);
    free(sink->path);
    sink->driver->close(sink);
    return NULL;
}
