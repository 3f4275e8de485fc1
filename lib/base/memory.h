// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stddef.h>

/* Allocation that cannot fail: out of memory ends the process (docs/errors.md). Every size that a
 * user, image or peer controls is bounded by its reader first. */

void *memory_new(size_t size);                             /* zeroed */
void *memory_new_array(size_t count, size_t size);         /* zeroed; overflow ends the process */
void *memory_resize(void *old, size_t count, size_t size); /* the new part is not zeroed */
void *memory_copy(const void *data, size_t size);

/* clang-format takes `new` for the C++ word. */
// clang-format off
#define new(type) ((type *)memory_new(sizeof(type)))
// clang-format on
#define new_array(type, count) ((type *)memory_new_array((count), sizeof(type)))

/* Appends `value` to the growing array `items` of `count` elements, e.g.
 * array_append(list.item, list.n, x). Capacity doubles at powers of two. */
#define array_append(items, count, value)                                                          \
    do {                                                                                           \
        if (((count) & ((count)-1)) == 0)                                                          \
            (items) = memory_resize((items), (count) ? (count)*2 : 1, sizeof *(items));            \
        (items)[(count)++] = (value);                                                              \
    } while (0)

#define array_size(array) (sizeof(array) / sizeof *(array))
