// SPDX-License-Identifier: Apache-2.0
#pragma once

/* How a layer's tar is packed. */
typedef enum Compression {
    COMPRESSION_NONE,
    COMPRESSION_GZIP,
    COMPRESSION_ZSTD,
    COMPRESSIONS,
} Compression;

/* "none", "gzip", "zstd"; COMPRESSIONS: none of them. */
const char *compression_name(Compression compression);
Compression compression_find(const char *name);
