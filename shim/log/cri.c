// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "base/memory.h"
#include "shim/log/line_sink.h"
#include "shim/log/moment.h"

/* Kubernetes' format, which kubelet reads (its pkg/kubelet/kuberuntime/logs): one entry a line,
 *
 *     TIME stdout|stderr P|F BYTES
 *
 * P: the line goes on in the stream's next entry. The bytes are the program's own. */
typedef struct CriFile {
    LogLineSink line_sink; /* first */
    LogMoment moment;
} CriFile;

enum {
    HEAD = LOG_MOMENT_SIZE + 10 /* " stdout F " */
};

static void encode(void *owner, const LogPiece *piece, Text *out) {
    CriFile *cri = owner;
    text_reserve(out, HEAD + piece->n + 1);
    char *to = out->data + out->length;
    log_moment_write(&cri->moment, piece->time, to);
    memcpy(to + LOG_MOMENT_SIZE, piece->stream == LOG_STDOUT ? " stdout " : " stderr ", 8);
    memcpy(to + HEAD - 2, piece->ends_line ? "F " : "P ", 2);
    memcpy(to + HEAD, piece->bytes, piece->n);
    to[HEAD + piece->n] = '\n';
    out->length += HEAD + piece->n + !piece->ends_line;
}

static int open_sink(const LogSinkOptions *options, LogSink **ret, Error *err) {
    CriFile *cri = new (CriFile);
    int r = log_line_sink_open(&cri->line_sink, options, encode, err);
    if (r < 0) {
        log_line_sink_close(&cri->line_sink.sink);
        return r;
    }
    *ret = &cri->line_sink.sink;
    return 0;
}

const LogDriver log_cri = {open_sink, log_line_sink_write, log_line_sink_flush, log_line_sink_close,
    log_line_sink_partial};
