// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* What the shim and an attached client say to each other over the attach socket (unix stream).
 * A frame is 8 bytes of header and a payload: type, three zero bytes, payload length as be32. Types
 * 0 to 2 are Docker's multiplexed stream, so the bytes can be relayed to Docker clients as they
 * are.
 *
 *     client                             shim
 *     ATTACH {flags, exec id}  ───────►
 *                              ◄───────  ATTACHED | FAILED text
 *     STDIN bytes (empty: half-close) ►
 *     RESIZE rows, columns     ───────►
 *                              ◄───────  STDOUT bytes, STDERR bytes
 *                              ◄───────  EXIT code          (last frame; the shim closes)
 *
 * A client that leaves is detached; the program goes on. With a terminal everything is STDOUT. */
typedef enum AttachType {
    ATTACH_STDIN = 0,
    ATTACH_STDOUT = 1,
    ATTACH_STDERR = 2,
    ATTACH_HELLO = 16,  /* client: AttachHello, then the exec id's bytes ("" = the container) */
    ATTACH_READY = 17,  /* shim: streams flow from here on */
    ATTACH_FAILED = 18, /* shim: text; closes */
    ATTACH_RESIZE = 19, /* client: be16 rows, be16 columns */
    ATTACH_EXIT = 20,   /* shim: be32 exit code as a shell has it */
} AttachType;

enum {
    ATTACH_HEADER_SIZE = 8,
    ATTACH_PAYLOAD_MAX = 65536, /* longer frames are a protocol error: the connection is closed */
};

/* Bits of the one flags byte that starts ATTACH_HELLO's payload; others are ignored. */
enum {
    ATTACH_WANT_STDIN = 1 << 0,
    ATTACH_WANT_STDOUT = 1 << 1,
    ATTACH_WANT_STDERR = 1 << 2,
    ATTACH_WANT_REPLAY = 1 << 3, /* first what the container's log holds, if it can be read */
    ATTACH_PATIENT = 1 << 4,     /* the program waits for this client, as it would for a pipe */
};

typedef struct AttachHeader {
    AttachType type;
    uint32_t length;
} AttachHeader;

void attach_header_encode(AttachHeader header, uint8_t ret[ATTACH_HEADER_SIZE]);

/* ERROR_CORRUPT: unknown type, non-zero padding or a length over ATTACH_PAYLOAD_MAX. */
int attach_header_decode(const uint8_t bytes[ATTACH_HEADER_SIZE], AttachHeader *ret, Error *err);
