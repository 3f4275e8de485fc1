// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stddef.h>
#include <string.h>

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

/* Puts `value`, which is evaluated once, at a place between 0 and count; takes the element at a
 * place out. */
#define array_insert(items, count, at, value)                                                      \
    do {                                                                                           \
        __typeof__(*(items)) inserted_ = (value);                                                  \
        array_append(items, count, inserted_);                                                     \
        memmove((items) + (at) + 1, (items) + (at), ((count)-1 - (at)) * sizeof *(items));         \
        (items)[at] = inserted_;                                                                   \
    } while (0)
#define array_remove(items, count, at)                                                             \
    memmove((items) + (at), (items) + (at) + 1, (--(count) - (at)) * sizeof *(items))

/* Where the first element is that is not less than `key` in a sorted array, or would have to be
 * put. compare(key, element) as bsearch(3) takes it. */
size_t array_place(const void *key, const void *items, size_t count, size_t size,
    int (*compare)(const void *, const void *));

#define array_size(array) (sizeof(array) / sizeof *(array))
