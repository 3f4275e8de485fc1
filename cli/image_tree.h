// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdio.h>

#include "proto/tare/v1/image.pb-c.h"

/* `images --tree`: an image a row, with all its names above each other, what it takes and whether a
 * container uses it. The list was asked for with its usage. */
void image_tree_print(const Tare__V1__ListImagesResponse *list, FILE *out);
