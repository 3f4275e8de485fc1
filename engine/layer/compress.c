// SPDX-License-Identifier: Apache-2.0
#include "engine/layer/compress.h"

#include <isa-l/igzip_lib.h>
#include <stdint.h>
#include <zstd.h>

#include "base/memory.h"

enum {
    OUTPUT_SIZE = 1 << 18,
    ZSTD_LEVEL = 3,
};

typedef struct Format {
    int (*set_up)(Compressor *compressor, Error *err);
    int (*add)(Compressor *compressor, const void *data, size_t n, bool end, Error *err);
} Format;

struct Compressor {
    const Format *format;
    CompressorWrite *write;
    void *user;
    uint8_t *output;
    struct isal_zstream *gzip;
    uint8_t *gzip_buffer;
    ZSTD_CCtx *zstd;
};

static int plain_add(Compressor *c, const void *data, size_t n, bool end, Error *err) {
    return n > 0 ? c->write(c->user, data, n, err) : 0;
}

/* The header has neither name nor time (RFC 1952): ISA-L leaves them 0. */
static int gzip_set_up(Compressor *c, Error *err) {
    c->gzip = new (struct isal_zstream);
    c->gzip_buffer = memory_new(ISAL_DEF_LVL1_DEFAULT);
    isal_deflate_init(c->gzip);
    c->gzip->gzip_flag = IGZIP_GZIP;
    c->gzip->level = 1;
    c->gzip->level_buf = c->gzip_buffer;
    c->gzip->level_buf_size = ISAL_DEF_LVL1_DEFAULT;
    return 0;
}

static int gzip_add(Compressor *c, const void *data, size_t n, bool end, Error *err) {
    struct isal_zstream *gzip = c->gzip;
    gzip->next_in = (uint8_t *)(uintptr_t)data;
    gzip->avail_in = (uint32_t)n;
    gzip->end_of_stream = end;
    do {
        gzip->next_out = c->output;
        gzip->avail_out = OUTPUT_SIZE;
        int result = isal_deflate(gzip);
        if (result != COMP_OK)
            return error_set(err, ERROR_INTERNAL, "cannot compress (%d)", result);
        size_t done = OUTPUT_SIZE - gzip->avail_out;
        if (done > 0)
            TRY(c->write(c->user, c->output, done, err));
    } while (gzip->avail_out == 0 || gzip->avail_in > 0);
    return 0;
}

static int zstd_set_up(Compressor *c, Error *err) {
    c->zstd = ZSTD_createCCtx();
    if (!c->zstd)
        return error_set(err, ERROR_EXHAUSTED, "not enough memory for zstd");
    ZSTD_CCtx_setParameter(c->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL);
    ZSTD_CCtx_setParameter(c->zstd, ZSTD_c_checksumFlag, 1);
    return 0;
}

static int zstd_add(Compressor *c, const void *data, size_t n, bool end, Error *err) {
    ZSTD_inBuffer in = {data, n, 0};
    size_t left;
    do {
        ZSTD_outBuffer out = {c->output, OUTPUT_SIZE, 0};
        left = ZSTD_compressStream2(c->zstd, &out, &in, end ? ZSTD_e_end : ZSTD_e_continue);
        if (ZSTD_isError(left))
            return error_set(err, ERROR_INTERNAL, "cannot compress: %s", ZSTD_getErrorName(left));
        if (out.pos > 0)
            TRY(c->write(c->user, c->output, out.pos, err));
    } while (in.pos < n || (end && left > 0));
    return 0;
}

static const Format formats[] = {
    [COMPRESSION_NONE] = {NULL, plain_add},
    [COMPRESSION_GZIP] = {gzip_set_up, gzip_add},
    [COMPRESSION_ZSTD] = {zstd_set_up, zstd_add},
};
_Static_assert(array_size(formats) == COMPRESSIONS, "each compression has its row");

int compressor_new(
    Compression compression, CompressorWrite *write, void *user, Compressor **ret, Error *err) {
    autoptr(Compressor) c = new (Compressor);
    c->format = &formats[compression];
    c->write = write;
    c->user = user;
    c->output = memory_new(OUTPUT_SIZE);
    if (c->format->set_up)
        TRY(c->format->set_up(c, err));
    *ret = take_ptr(&c);
    return 0;
}

void compressor_free(Compressor *c) {
    if (!c)
        return;
    ZSTD_freeCCtx(c->zstd);
    free(c->gzip);
    free(c->gzip_buffer);
    free(c->output);
    free(c);
}

int compressor_add(Compressor *c, const void *data, size_t n, bool end, Error *err) {
    return c->format->add(c, data, n, end, err);
}
