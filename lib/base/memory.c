// SPDX-License-Identifier: Apache-2.0
#include "base/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *checked(void *p) {
    if (p)
        return p;
    static const char message[] = "out of memory\n";
    (void)!write(STDERR_FILENO, message, sizeof message - 1);
    abort();
}

void *memory_new(size_t size) {
    return checked(calloc(1, size ? size : 1));
}

void *memory_new_array(size_t count, size_t size) {
    return checked(calloc(count ? count : 1, size ? size : 1));
}

void *memory_resize(void *old, size_t count, size_t size) {
    return checked(reallocarray(old, count ? count : 1, size));
}

void *memory_copy(const void *data, size_t size) {
    void *p = memory_new(size);
    if (size)
        memcpy(p, data, size);
    return p;
}

size_t array_place(const void *key, const void *items, size_t count, size_t size,
    int (*compare)(const void *, const void *)) {
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(key, (const char *)items + middle * size) > 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}
