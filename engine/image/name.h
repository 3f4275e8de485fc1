// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/image/record.h"
#include "engine/registry/reference.h"

/* What users call images: references first, then ids and their prefixes. Private to engine/image.
 */
typedef struct NameMatch {
    const ImageRecord *image;         /* borrowed, valid while the mutex is held */
    const ReferenceRecord *reference; /* NULL: the name was an id */
} NameMatch;

/* With the mutex held. ERROR_NOT_FOUND with reason IMAGE_NOT_FOUND; ERROR_INVALID: ambiguous. */
int name_find(const Images *images, const char *name, NameMatch *ret, Error *err);
