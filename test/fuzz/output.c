// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "output/reader.h"
#include "output/record.h"
#include "target.h"

/* A log as it lies on the disk, read back: the first byte is the format, whether the file is a
 * rotated and compressed one, and how it is read. Lines come in order of the file and end. */

static const char *scratch(void) {
    static char path[64];
    if (!*path) {
        strcpy(path, "/tmp/tare-fuzz-output-XXXXXX");
        if (!mkdtemp(path))
            abort();
    }
    return path;
}

static void read_file(const char *path, OutputDriver driver, int64_t tail, int64_t since) {
    const OutputReaderOptions options = {driver, path, tail, since};
    OutputReader *reader = NULL;
    OutputLine line;
    Error err = {};
    int64_t lines = 0;
    if (output_reader_open(&options, &reader, &err) < 0)
        return;
    while (output_reader_next(reader, &line, &err) > 0) {
        if (line.n == 0 || !line.details)
            abort();
        if (driver == OUTPUT_LOCAL && memchr(line.bytes, '\n', line.n - 1))
            abort();
        lines++;
    }
    if (tail == 0 && driver != OUTPUT_LOCAL && lines > 1) /* the notice of damage may come */
        abort();
    output_reader_close(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const OutputDriver drivers[] = {OUTPUT_JSON_FILE, OUTPUT_LOCAL, OUTPUT_CRI};
    if (size < 1)
        return 0;
    bool compressed = data[0] & 4;
    OutputDriver driver = drivers[(data[0] & 3) % 3];
    autofree char *path = text_format("%s/log", scratch());
    autofree char *file = text_format("%s%s", path, compressed ? ".1.gz" : "");
    autofree char *other = text_format("%s%s", path, compressed ? "" : ".1.gz");
    unlink(other);
    autoclose int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, data + 1, size - 1) != (ssize_t)size - 1)
        abort();
    read_file(path, driver, OUTPUT_TAIL_ALL, 0);
    read_file(path, driver, data[0] >> 4, 0);
    read_file(path, driver, OUTPUT_TAIL_ALL, data[0] & 8 ? INT64_MAX / 2 : 1);
    unlink(file);
    return 0;
}
