// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stddef.h>

#include "engine/layer/frame.h"

/* The confined programs' side of the conversation with the engine. */

/* The engine's end: death of the thread that waits for us, or a closed pipe if that came first. */
int speak_or_die(Error *err);

/* One frame on standard output; one thread at a time. */
int speak(LayerFrameType type, const void *data, size_t n, Error *err);

/* The last frame, if the result is a failure. Does not return: no exit handlers run, as leak
 * detection cannot work without a /proc. */
_Noreturn void speak_end(int code, const Error *error);
