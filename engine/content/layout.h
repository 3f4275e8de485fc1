// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/content/content.h"

/* Where the content store's directories are; private to engine/content. */
struct Content {
    int blobs;  /* ROOT/content/blobs/sha256 */
    int ingest; /* ROOT/content/ingest */
};
