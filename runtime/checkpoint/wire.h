// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"

/* Protocol Buffers' wire format (protobuf.dev/programming-guides/encoding), as far as criu's RPC
 * uses it: numbers, and byte strings, which may hold a message. Why not a library: decision 9. */

void wire_put_number(Text *out, unsigned field, int64_t value); /* int32, uint32, bool, enum */
void wire_put_bytes(Text *out, unsigned field, const void *bytes, size_t n);
void wire_put_text(Text *out, unsigned field, const char *text);

/* A field as it was read; bytes are borrowed from the message, and are no string. */
typedef struct WireField {
    unsigned number;
    bool is_bytes;
    int64_t value;
    const char *bytes;
    size_t n;
} WireField;

/* What is left of a message. */
typedef struct WireReader {
    const char *at;
    size_t n;
} WireReader;

/* 1: a field, 0: the end. ERROR_CORRUPT. Fixed-width fields, which we know none of, are skipped. */
int wire_next(WireReader *reader, WireField *ret, Error *err);
