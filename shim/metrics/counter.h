// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

/* Files in which the kernel counts, read by rows: a file that holds one number, or lines "key
 * number". What is not there leaves 0 (a controller may be off, a kernel older); "max" is
 * UINT64_MAX. */
typedef struct Counter {
    const char *file;
    const char *key; /* NULL: the file is one number */
    size_t offset;   /* of a uint64_t in `into` */
    uint64_t factor; /* 0 is 1 */
} Counter;

/* Rows end with a file of NULL; those of one file stand together. A directory of -1 has nothing. */
void counters_read(int directory, const Counter *rows, void *into);

/* One file as text; false and empty when it cannot be read. */
bool counter_file(int directory, const char *file, Text *ret);

/* Calls take for each line of a file, cut off its newline. */
void counter_lines(
    int directory, const char *file, void (*take)(void *owner, char *line), void *owner);

/* Calls take for each huge page size, e.g. "2MB", that the directory counts. */
void counter_page_sizes(int directory, const char *suffix,
    void (*take)(void *owner, int directory, const char *size), void *owner);
