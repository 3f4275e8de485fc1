// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdatomic.h>

#include "engine/image/pull.h"

/* What comes from elsewhere, as a descriptor that a program can read. Private to engine/image. */

/* On a thread of its own; reads `input` or not. At its end `complete` tells whether that was the
 * client's end, too. */
typedef int FeedEater(void *user, int input, const atomic_bool *complete, Error *err);

/* The source is asked by the caller's thread. Its failure comes before the eater's. */
int feed(const ImageSource *source, FeedEater *eater, void *user, Error *err);
