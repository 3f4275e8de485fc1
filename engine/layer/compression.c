// SPDX-License-Identifier: Apache-2.0
#include "engine/layer/compression.h"

#include "base/memory.h"
#include "base/text.h"

static const char *const names[] = {
    [COMPRESSION_NONE] = "none", [COMPRESSION_GZIP] = "gzip", [COMPRESSION_ZSTD] = "zstd"};
_Static_assert(array_size(names) == COMPRESSIONS, "each compression has its name");

const char *compression_name(Compression compression) {
    return names[compression];
}

Compression compression_find(const char *name) {
    int i = 0;
    while (i < COMPRESSIONS && !text_equal(names[i], name))
        i++;
    return (Compression)i;
}
