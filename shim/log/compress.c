// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/text.h"
#include "output/member.h"
#include "output/record.h"
#include "output/settings.h"

/* tare-compress DRIVER: compresses a rotated log of this driver from standard input to standard
 * output, and writes a byte to descriptor 3 when that is durable. Started by the shim, whose time
 * it does not take: lowest priority, a process of its own. */

enum {
    BLOCK = 64 << 10,
    READY = 3,
    NICENESS = 19
};

static const OutputFormat *format_of(const char *driver) {
    static const struct {
        OutputDriver driver;
        const OutputFormat *format;
    } rows[] = {{OUTPUT_JSON_FILE, &output_json_file}, {OUTPUT_LOCAL, &output_local}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (text_equal(driver, output_driver_name(rows[i].driver)))
            return rows[i].format;
    return NULL;
}

static void look_at(const OutputFormat *format, const char *bytes, size_t n, OutputRecord *record,
    OutputMember *about) {
    Error ignored;
    if (format->parse(bytes, n, record, &ignored) < 0)
        return;
    uint32_t lines = format->by_line ? 1 : 0;
    const char *at = record->data.data, *end = at + record->data.length;
    for (; !format->by_line && at < end && (at = memchr(at, '\n', (size_t)(end - at))); at++)
        lines++;
    about->lines += lines;
    about->first = about->first ? about->first : record->time;
    about->last = record->time + lines;
}

/* As many whole entries as make a member, or all at the end. Returns their bytes. */
static size_t gather(const OutputFormat *format, const Text *in, bool last, OutputMember *about) {
    autodone(OutputRecord) record = {};
    size_t used = 0;
    while (used < in->length && used < OUTPUT_MEMBER_RAW) {
        size_t n = format->measure(in->data + used, in->length - used);
        if (n == 0)
            break;
        look_at(format, in->data + used, n, &record, about);
        used += n;
    }
    if (used < OUTPUT_MEMBER_RAW && !last)
        return in->length > OUTPUT_ENTRY_MAX ? in->length : 0;
    return last && used == 0 ? in->length : used;
}

static int write_members(const OutputFormat *format, Text *in, bool last, Error *err) {
    autodone(Text) out = {};
    while (in->length > 0) {
        OutputMember about = {};
        size_t n = gather(format, in, last, &about);
        if (n == 0)
            return 0;
        text_clear(&out);
        output_member_encode(&about, in->data, n, &out);
        TRY(fd_write_all(STDOUT_FILENO, out.data, out.length, err));
        memmove(in->data, in->data + n, in->length - n);
        in->length -= n;
    }
    return 0;
}

static int compress_all(const OutputFormat *format, Error *err) {
    autodone(Text) in = {};
    ssize_t n;
    do {
        text_reserve(&in, BLOCK);
        n = read(STDIN_FILENO, in.data + in.length, BLOCK);
        if (n < 0)
            return error_set_errno(err, errno, "cannot read the log");
        in.length += (size_t)n;
        if (n == 0 || in.length >= OUTPUT_MEMBER_RAW + BLOCK)
            TRY(write_members(format, &in, n == 0, err));
    } while (n > 0);
    if (fsync(STDOUT_FILENO) < 0)
        return error_set_errno(err, errno, "cannot write the compressed log");
    return fd_write_all(READY, "", 1, err);
}

int main(int argc, char **argv) {
    Error err = {};
    const struct sched_param none = {};
    const OutputFormat *format = argc == 2 ? format_of(argv[1]) : NULL;
    log_configure("tare-compress", STDERR_FILENO, LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
    setpriority(PRIO_PROCESS, 0, NICENESS);
    sched_setscheduler(0, SCHED_BATCH, &none);
    if (!format)
        error_set(&err, ERROR_INVALID, "usage: tare-compress json-file|local");
    else if (compress_all(format, &err) >= 0)
        return 0;
    log_failure(LOG_LEVEL_ERROR, &err);
    return 1;
}
