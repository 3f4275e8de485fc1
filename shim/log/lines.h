// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "shim/log/sink.h"

/* Cuts a program's bytes into what line-based formats hold: pieces that end with a newline or, in
 * lines longer than 16 KiB and where a stream ends, before one is there. Where the bytes are UTF-8,
 * pieces are: no character is cut. However the bytes arrive, the pieces are the same. */
typedef struct LogPiece {
    LogStream stream;
    bool ends_line;    /* then the last byte is the newline */
    unsigned ordinal;  /* of the piece in its line, from 0 */
    int64_t time;      /* of the read that ended it; two pieces never have the same */
    const char *bytes; /* borrowed */
    size_t n;
} LogPiece;

enum {
    LOG_PIECE_MAX = 16384 /* as Docker and containerd have it */
};

typedef struct LogLines {
    void (*take)(void *owner, const LogPiece *piece);
    void *owner;
    int64_t last; /* time of the last piece */
    struct {
        Text text; /* since the last piece; less than LOG_PIECE_MAX */
        unsigned ordinal;
    } partial[LOG_STREAMS];
} LogLines;

void log_lines_write(LogLines *lines, LogStream stream, const char *bytes, size_t n);
void log_lines_flush(LogLines *lines, LogStream stream);
void log_lines_done(LogLines *lines);
