// SPDX-License-Identifier: Apache-2.0
#include "runtime/checkpoint/wire.h"

#include <string.h>

/* The low three bits of a key. */
enum {
    WIRE_VARINT = 0,
    WIRE_FIXED64 = 1,
    WIRE_BYTES = 2,
    WIRE_FIXED32 = 5,
    WIRE_TYPE_BITS = 3
};

/* Seven bits a byte, the lowest first; the top bit says that more follow. */
static void put_varint(Text *out, uint64_t value) {
    for (; value >= 0x80; value >>= 7)
        text_append_char(out, (char)(value | 0x80));
    text_append_char(out, (char)value);
}

void wire_put_number(Text *out, unsigned field, int64_t value) {
    put_varint(out, (uint64_t)field << WIRE_TYPE_BITS | WIRE_VARINT);
    put_varint(out, (uint64_t)value); /* negative ones are sign-extended to ten bytes */
}

void wire_put_bytes(Text *out, unsigned field, const void *bytes, size_t n) {
    put_varint(out, (uint64_t)field << WIRE_TYPE_BITS | WIRE_BYTES);
    put_varint(out, n);
    text_append_bytes(out, bytes, n);
}

void wire_put_text(Text *out, unsigned field, const char *text) {
    wire_put_bytes(out, field, text, strlen(text));
}

static int corrupt(Error *err) {
    return error_set(err, ERROR_CORRUPT, "malformed message");
}

static int take_varint(WireReader *reader, uint64_t *ret, Error *err) {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && reader->n; shift += 7) {
        unsigned char byte = (unsigned char)*reader->at;
        reader->at++;
        reader->n--;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return *ret = value, 0;
    }
    return corrupt(err);
}

static int take_bytes(WireReader *reader, uint64_t n, WireField *ret, Error *err) {
    if (n > reader->n)
        return corrupt(err);
    ret->bytes = reader->at;
    ret->n = (size_t)n;
    reader->at += n;
    reader->n -= (size_t)n;
    return 1;
}

int wire_next(WireReader *reader, WireField *ret, Error *err) {
    while (reader->n) {
        uint64_t key, value;
        TRY(take_varint(reader, &key, err));
        uint64_t number = key >> WIRE_TYPE_BITS;
        unsigned type = key & ((1U << WIRE_TYPE_BITS) - 1);
        if (!number || number > UINT32_MAX)
            return corrupt(err);
        *ret = (WireField){.number = (unsigned)number, .is_bytes = type == WIRE_BYTES};
        switch (type) {
        case WIRE_VARINT:
            TRY(take_varint(reader, &value, err));
            ret->value = (int64_t)value;
            return 1;
        case WIRE_BYTES:
            TRY(take_varint(reader, &value, err));
            return take_bytes(reader, value, ret, err);
        case WIRE_FIXED64:
        case WIRE_FIXED32:
            TRY(take_bytes(reader, type == WIRE_FIXED64 ? 8 : 4, ret, err));
            break;
        default:
            return corrupt(err);
        }
    }
    return 0;
}
