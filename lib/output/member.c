// SPDX-License-Identifier: Apache-2.0
#include "output/member.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/memory.h"

enum {
    LEVEL = 6,
    TRAILER = 8, /* CRC-32, size */
};

/* The extra field of a member: RFC 1952, 2.3.1.1. */
typedef struct __attribute__((packed)) Header {
    uint8_t magic[2], method, flags, time[4], more, system;
    uint16_t extra_length;
    char id[2];
    uint16_t length;
    uint32_t size, raw_size, lines;
    int64_t first, last;
} Header;
_Static_assert(sizeof(Header) == OUTPUT_MEMBER_HEADER, "as on disk");

enum {
    EXTRA = OUTPUT_MEMBER_HEADER - 12,
    FEXTRA = 4,
    SYSTEM_UNIX = 3
};

bool output_member_decode(const char *bytes, size_t n, OutputMember *ret) {
    Header from;
    if (n < sizeof from)
        return false;
    memcpy(&from, bytes, sizeof from);
    *ret = (OutputMember){.size = le32toh(from.size),
        .raw_size = le32toh(from.raw_size),
        .lines = le32toh(from.lines),
        .first = (int64_t)le64toh((uint64_t)from.first),
        .last = (int64_t)le64toh((uint64_t)from.last)};
    return from.magic[0] == 0x1f && from.magic[1] == 0x8b && from.method == Z_DEFLATED &&
           from.flags == FEXTRA && le16toh(from.extra_length) == EXTRA && from.id[0] == 'T' &&
           from.id[1] == 'L' && le16toh(from.length) == EXTRA - 4 &&
           ret->size > sizeof from + TRAILER;
}

void output_member_encode(const OutputMember *about, const char *bytes, size_t n, Text *out) {
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)bytes, .avail_in = (uInt)n};
    if (deflateInit2(&stream, LEVEL, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        abort(); /* out of memory */
    uLong bound = deflateBound(&stream, (uLong)n);
    text_reserve(out, sizeof(Header) + bound + TRAILER);
    char *begin = out->data + out->length;
    stream.next_out = (Bytef *)begin + sizeof(Header);
    stream.avail_out = (uInt)bound;
    if (deflate(&stream, Z_FINISH) != Z_STREAM_END)
        abort(); /* the bound is zlib's own */
    size_t size = sizeof(Header) + stream.total_out + TRAILER;
    deflateEnd(&stream);
    const Header header = {.magic = {0x1f, 0x8b},
        .method = Z_DEFLATED,
        .flags = FEXTRA,
        .system = SYSTEM_UNIX,
        .extra_length = htole16(EXTRA),
        .id = {'T', 'L'},
        .length = htole16(EXTRA - 4),
        .size = htole32((uint32_t)size),
        .raw_size = htole32((uint32_t)n),
        .lines = htole32(about->lines),
        .first = (int64_t)htole64((uint64_t)about->first),
        .last = (int64_t)htole64((uint64_t)about->last)};
    const uint32_t trailer[2] = {
        htole32((uint32_t)crc32(0, (const Bytef *)bytes, (uInt)n)), htole32((uint32_t)n)};
    memcpy(begin, &header, sizeof header);
    memcpy(begin + size - TRAILER, trailer, TRAILER);
    out->length += size;
}

struct OutputInflater {
    z_stream stream;
    bool ended; /* a member; another may follow */
};

OutputInflater *output_inflater_new(void) {
    OutputInflater *inflater = new (OutputInflater);
    if (inflateInit2(&inflater->stream, 16 + MAX_WBITS) != Z_OK)
        abort(); /* out of memory */
    return inflater;
}

void output_inflater_free(OutputInflater *inflater) {
    if (inflater)
        inflateEnd(&inflater->stream);
    free(inflater);
}

void output_inflater_reset(OutputInflater *inflater) {
    inflateReset(&inflater->stream);
    inflater->ended = false;
}

int output_inflate(OutputInflater *inflater, const char *bytes, size_t n, char *ret, size_t room,
    size_t *ret_taken, size_t *ret_given, Error *err) {
    z_stream *stream = &inflater->stream;
    if (inflater->ended && n > 0)
        output_inflater_reset(inflater);
    stream->next_in = (Bytef *)(uintptr_t)bytes;
    stream->avail_in = (uInt)n;
    stream->next_out = (Bytef *)ret;
    stream->avail_out = (uInt)room;
    int r = inflate(stream, Z_NO_FLUSH);
    if (r != Z_OK && r != Z_STREAM_END && r != Z_BUF_ERROR)
        return error_set(err, ERROR_CORRUPT, "a compressed log is damaged");
    inflater->ended = r == Z_STREAM_END;
    *ret_taken = n - stream->avail_in;
    *ret_given = room - stream->avail_out;
    return 0;
}
