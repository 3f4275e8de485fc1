// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"

/* How a container's output is logged, as --log-driver and --log-opt say it, checked. One table for
 * the engine, which refuses what is wrong, and for the shim, which obeys. */
typedef enum OutputDriver {
    OUTPUT_JSON_FILE,
    OUTPUT_LOCAL,
    OUTPUT_CRI,
    OUTPUT_JOURNALD,
    OUTPUT_SYSLOG,
    OUTPUT_NONE,
    OUTPUT_DRIVERS
} OutputDriver;

typedef enum SyslogFormat {
    SYSLOG_UNIX, /* RFC 3164 as glibc's syslog(3) writes it: no host name */
    SYSLOG_RFC3164,
    SYSLOG_RFC5424,
    SYSLOG_RFC5424_MICRO,
} SyslogFormat;

typedef struct OutputSettings {
    OutputDriver driver;
    int64_t max_size; /* bytes after which the file is rotated; 0: never */
    int max_files;    /* with the current one */
    bool compress;    /* rotated files */
    bool non_blocking;
    int64_t max_buffer; /* bytes that wait, then: the program waits, or messages are dropped */
    const char *labels, *environment, *tag; /* names with commas, names with commas, template */
    const char *labels_regex, *environment_regex; /* of names; NULL: none */
    const char *syslog_address;                   /* NULL: the local one */
    int syslog_facility;                          /* LOG_DAEMON, … */
    SyslogFormat syslog_format;
} OutputSettings;

/* driver NULL or "": json-file. Texts in *ret are those of `options`. ERROR_INVALID, in Docker's
 * words. */
int output_settings_parse(
    const char *driver, const JsonMap *options, OutputSettings *ret, Error *err);

const char *output_driver_name(OutputDriver driver);

/* What the log's file is called behind the container's id; NULL: the driver writes no file. */
const char *output_driver_suffix(OutputDriver driver);
