// SPDX-License-Identifier: Apache-2.0
#include "engine/rpc/arena.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/memory.h"

enum {
    CHUNK_SIZE = 2048
};

typedef struct ArenaChunk {
    struct ArenaChunk *next;
    size_t used, capacity;
    max_align_t data[];
} ArenaChunk;

void *arena_alloc(Arena *arena, size_t size) {
    if (size > SIZE_MAX / 2)
        abort();
    size = size ? (size + 15) & ~(size_t)15 : 16;
    ArenaChunk *chunk = arena->head;
    if (!chunk || chunk->capacity - chunk->used < size) {
        size_t capacity = size > CHUNK_SIZE ? size : CHUNK_SIZE;
        chunk = memory_resize(NULL, 1, sizeof *chunk + capacity);
        *chunk = (ArenaChunk){.next = arena->head, .capacity = capacity};
        arena->head = chunk;
    }
    void *p = (char *)chunk->data + chunk->used;
    chunk->used += size;
    return p;
}

void arena_done(Arena *arena) {
    while (arena->head) {
        ArenaChunk *next = arena->head->next;
        free(arena->head);
        arena->head = next;
    }
}

static void *allocator_alloc(void *arena, size_t size) {
    return arena_alloc(arena, size);
}

static void allocator_free(void *arena, void *p) {
}

ProtobufCAllocator arena_allocator(Arena *arena) {
    return (ProtobufCAllocator){allocator_alloc, allocator_free, arena};
}
