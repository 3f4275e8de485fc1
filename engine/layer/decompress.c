// SPDX-License-Identifier: Apache-2.0
#include "engine/layer/decompress.h"

#include <bzlib.h>
#include <errno.h>
#include <isa-l/igzip_lib.h>
#include <lzma.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>
#define ZSTD_STATIC_LINKING_ONLY /* ZSTD_d_forceIgnoreChecksum */
#include <zstd.h>

#include "base/fd.h"
#include "base/memory.h"
#include "engine/layer/frame.h"

enum {
    INPUT_SIZE = 1 << 18,
    ZSTD_WINDOW_LOG_MAX = 27,  /* 128 MiB, what the zstd program takes without --long */
    XZ_MEMORY_MAX = 128 << 20, /* xz -9 wants 65 MiB */
};

/* One step of a format: consumes input, fills output; never both nothing at once except at the end
 * of the input. */
typedef struct Format {
    const char *name;
    const char *magic;
    size_t magic_length;
    int (*set_up)(Decompressor *decompressor, Error *err);
    int (*step)(Decompressor *decompressor, Error *err);
} Format;

struct Decompressor {
    int fd, follow;
    uint64_t readable; /* the file has at least so many bytes by now */
    const Format *format;
    uint8_t *input;
    size_t input_at, input_n;
    bool input_ended;
    uint8_t *output;
    size_t output_n;
    bool between; /* at the border of two gzip members or zstd frames: the end is allowed here */
    uint64_t position;
    struct inflate_state *inflate;
    ZSTD_DStream *zstd;
    lzma_stream *xz;
    bz_stream *bzip2;
};

static int wait_for_more(Decompressor *d, Error *err) {
    uint64_t readable;
    int code = fd_read_exactly(d->follow, &readable, sizeof(readable), err);
    if (code == ERROR_UNAVAILABLE)
        return error_set(err, ERROR_CANCELLED, "the download ended early");
    d->readable = readable;
    return code;
}

static int read_more(Decompressor *d, Error *err) {
    uint64_t there = d->readable - d->position;
    ssize_t n = read(d->fd, d->input, there < INPUT_SIZE ? (size_t)there : INPUT_SIZE);
    if (n < 0 && errno == EINTR)
        return 0;
    if (n < 0)
        return error_set_errno(err, errno, "cannot read the layer");
    if (n == 0 && d->readable != LAYER_FOLLOW_END)
        d->readable = d->position; /* the download began anew: the engine knows, and will say */
    else
        d->input_ended = n == 0;
    d->input_at = 0;
    d->input_n = (size_t)n;
    d->position += (uint64_t)n;
    return 0;
}

static int refill(Decompressor *d, Error *err) {
    while (d->input_at == d->input_n && !d->input_ended)
        TRY(d->position < d->readable ? read_more(d, err) : wait_for_more(d, err));
    return 0;
}

static int plain_step(Decompressor *d, Error *err) {
    size_t n = d->input_n - d->input_at;
    if (n > d->output_n)
        n = d->output_n;
    memcpy(d->output, d->input + d->input_at, n);
    d->input_at += n;
    d->output += n;
    d->output_n -= n;
    return 0;
}

static int gzip_set_up(Decompressor *d, Error *err) {
    d->inflate = new (struct inflate_state);
    isal_inflate_init(d->inflate);
    d->inflate->crc_flag = ISAL_GZIP;
    return 0;
}

/* Zeros after the last member are padding (gzip(1) ignores them too). */
static void skip_padding(Decompressor *d) {
    while (d->between && d->input_at < d->input_n && d->input[d->input_at] == 0)
        d->input_at++;
}

static int gzip_step(Decompressor *d, Error *err) {
    struct inflate_state *state = d->inflate;
    skip_padding(d);
    if (d->input_at == d->input_n)
        return 0;
    if (d->between) {
        isal_inflate_reset(state);
        state->crc_flag = ISAL_GZIP;
    }
    d->between = false;
    state->next_in = d->input + d->input_at;
    state->avail_in = (uint32_t)(d->input_n - d->input_at);
    state->next_out = d->output;
    state->avail_out = (uint32_t)d->output_n;
    int result = isal_inflate(state);
    if (result < 0)
        return error_set(err, ERROR_CORRUPT, "damaged gzip data (%d)", result);
    d->input_at = d->input_n - state->avail_in;
    d->output = state->next_out;
    d->output_n = state->avail_out;
    d->between = state->block_state == ISAL_BLOCK_FINISH;
    return 0;
}

static int zstd_set_up(Decompressor *d, Error *err) {
    d->zstd = ZSTD_createDStream();
    if (!d->zstd)
        return error_set(err, ERROR_EXHAUSTED, "not enough memory for zstd");
    ZSTD_DCtx_setParameter(d->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG_MAX);
    return 0;
}

static int zstd_step(Decompressor *d, Error *err) {
    ZSTD_inBuffer in = {d->input, d->input_n, d->input_at};
    ZSTD_outBuffer out = {d->output, d->output_n, 0};
    size_t result = ZSTD_decompressStream(d->zstd, &out, &in);
    if (ZSTD_isError(result))
        return error_set(err, ERROR_CORRUPT, "damaged zstd data: %s", ZSTD_getErrorName(result));
    /* Asked for nothing, it says what the next frame would want. */
    if (in.pos > d->input_at || out.pos > 0)
        d->between = result == 0;
    d->input_at = in.pos;
    d->output += out.pos;
    d->output_n -= out.pos;
    return 0;
}

static int xz_set_up(Decompressor *d, Error *err) {
    d->xz = new (lzma_stream);
    *d->xz = (lzma_stream)LZMA_STREAM_INIT;
    if (lzma_stream_decoder(d->xz, XZ_MEMORY_MAX, LZMA_CONCATENATED) != LZMA_OK)
        return error_set(err, ERROR_EXHAUSTED, "not enough memory for xz");
    return 0;
}

static int xz_step(Decompressor *d, Error *err) {
    d->xz->next_in = d->input + d->input_at;
    d->xz->avail_in = d->input_n - d->input_at;
    d->xz->next_out = d->output;
    d->xz->avail_out = d->output_n;
    lzma_ret result = lzma_code(d->xz, d->input_ended ? LZMA_FINISH : LZMA_RUN);
    if (result == LZMA_MEMLIMIT_ERROR)
        return error_set(err, ERROR_EXHAUSTED, "xz data wants more memory than is allowed");
    if (result != LZMA_OK && result != LZMA_STREAM_END && result != LZMA_BUF_ERROR)
        return error_set(err, ERROR_CORRUPT, "damaged xz data (%d)", (int)result);
    d->between = result == LZMA_STREAM_END;
    d->input_at = d->input_n - d->xz->avail_in;
    d->output = d->xz->next_out;
    d->output_n = d->xz->avail_out;
    return 0;
}

static int bzip2_begin(Decompressor *d, Error *err) {
    *d->bzip2 = (bz_stream){};
    return BZ2_bzDecompressInit(d->bzip2, 0, 0) == BZ_OK
               ? 0
               : error_set(err, ERROR_EXHAUSTED, "not enough memory for bzip2");
}

static int bzip2_set_up(Decompressor *d, Error *err) {
    d->bzip2 = new (bz_stream);
    return bzip2_begin(d, err);
}

/* Streams may follow each other, as pbzip2 and cat make them. */
static int bzip2_step(Decompressor *d, Error *err) {
    bz_stream *stream = d->bzip2;
    if (d->input_at == d->input_n && d->between)
        return 0;
    if (d->between) {
        BZ2_bzDecompressEnd(stream);
        TRY(bzip2_begin(d, err));
    }
    stream->next_in = (char *)d->input + d->input_at;
    stream->avail_in = (unsigned)(d->input_n - d->input_at);
    stream->next_out = (char *)d->output;
    stream->avail_out = (unsigned)d->output_n;
    int result = BZ2_bzDecompress(stream);
    if (result != BZ_OK && result != BZ_STREAM_END)
        return error_set(err, ERROR_CORRUPT, "damaged bzip2 data (%d)", result);
    d->between = result == BZ_STREAM_END;
    d->input_at = d->input_n - stream->avail_in;
    d->output = (uint8_t *)stream->next_out;
    d->output_n = stream->avail_out;
    return 0;
}

static const Format formats[] = {
    {"gzip", "\x1f\x8b", 2, gzip_set_up, gzip_step},
    {"zstd", "\x28\xb5\x2f\xfd", 4, zstd_set_up, zstd_step},
    /* a skippable frame first: zstd:chunked */
    {"zstd", "\x50\x2a\x4d\x18", 4, zstd_set_up, zstd_step},
    {"bzip2", "BZh", 3, bzip2_set_up, bzip2_step},
    {"xz",
        "\xfd"
        "7zXZ",
        5, xz_set_up, xz_step},
    {"nothing", "", 0, NULL, plain_step},
};

int decompressor_new(int fd, int follow, Decompressor **ret, Error *err) {
    autoptr(Decompressor) d = new (Decompressor);
    d->fd = fd;
    d->follow = follow;
    d->readable = follow < 0 ? LAYER_FOLLOW_END : 0;
    d->input = memory_new(INPUT_SIZE);
    TRY(refill(d, err));
    d->format = formats;
    while (d->input_n < d->format->magic_length ||
           memcmp(d->input, d->format->magic, d->format->magic_length) != 0)
        d->format++;
    if (d->format->set_up)
        TRY(d->format->set_up(d, err));
    else
        d->between = true;
    *ret = take_ptr(&d);
    return 0;
}

void decompressor_free(Decompressor *d) {
    if (!d)
        return;
    ZSTD_freeDStream(d->zstd);
    if (d->xz)
        lzma_end(d->xz);
    free(d->xz);
    if (d->bzip2)
        BZ2_bzDecompressEnd(d->bzip2);
    free(d->bzip2);
    free(d->inflate);
    free(d->input);
    free(d);
}

void decompressor_skip_checksum(Decompressor *d) {
    if (d->zstd)
        ZSTD_DCtx_setParameter(d->zstd, ZSTD_d_forceIgnoreChecksum, ZSTD_d_ignoreChecksum);
}

int decompressor_read(Decompressor *d, void *buffer, size_t size, size_t *ret_n, Error *err) {
    d->output = buffer;
    d->output_n = size;
    while (d->output_n > 0) {
        TRY(refill(d, err));
        size_t before = d->output_n;
        TRY(d->format->step(d, err));
        /* Decoders may hold output back when the input is used up: ask until they are dry. */
        if (d->input_ended && d->output_n == before) {
            if (!d->between)
                return error_set(
                    err, ERROR_CORRUPT, "the layer's %s data is cut off", d->format->name);
            break;
        }
    }
    *ret_n = size - d->output_n;
    return 0;
}

uint64_t decompressor_position(const Decompressor *d) {
    return d->position;
}
