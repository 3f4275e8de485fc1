// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "cli/format.h"
#include "proto/tare/v1/image.pb-c.h"

/* What `images` and `system df` show of images: a row a name, whose item this is. */
typedef struct ImageRow {
    const Tare__V1__ImageSummary *image;
    char *repository, *tag, *digest; /* "<none>" when there is none */
} ImageRow;

extern const FormatNoun image_noun;

/* One row a name of the image; more than one digest of a name are rows when `digests`. */
int image_rows_add(Format *format, const Tare__V1__ImageSummary *image, bool digests, Error *err);
