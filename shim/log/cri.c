// SPDX-License-Identifier: Apache-2.0
#include "base/memory.h"
#include "base/time.h"
#include "shim/log/line_sink.h"

/* Kubernetes' format, which kubelet reads (its pkg/kubelet/kuberuntime/logs): one entry a line,
 *
 *     TIME stdout|stderr P|F BYTES
 *
 * P: the line goes on in the stream's next entry. The bytes are the program's own. */

static void encode(void *owner, const LogPiece *piece, Text *out) {
    char when[TIME_TEXT_SIZE];
    text_append(out, time_format_fixed(piece->time, when));
    text_append(out, piece->stream == LOG_STDOUT ? " stdout " : " stderr ");
    text_append(out, piece->ends_line ? "F " : "P ");
    text_append_bytes(out, piece->bytes, piece->n);
    if (!piece->ends_line)
        text_append_char(out, '\n');
}

static int open_sink(const LogSinkOptions *options, LogSink **ret, Error *err) {
    return log_line_sink_open(new (LogLineSink), options, encode, ret, err);
}

const LogDriver log_cri = {
    open_sink, log_line_sink_write, log_line_sink_flush, log_line_sink_close};
