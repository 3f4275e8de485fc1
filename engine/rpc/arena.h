// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

/* Memory that is released all at once: a call's request, response and whatever its handler makes
 * for the response. One thread at a time. Zero-initialised is empty. */
typedef struct Arena {
    struct ArenaChunk *head;
} Arena;

void *arena_alloc(Arena *arena, size_t size); /* 16-byte aligned, not zeroed */
void arena_done(Arena *arena);                /* and it is empty again */

/* For protobuf_c_message_unpack: its free is a no-op. */
ProtobufCAllocator arena_allocator(Arena *arena);
