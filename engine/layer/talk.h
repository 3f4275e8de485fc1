// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "engine/layer/frame.h"

/* The engine's side of the conversation with tare-unpack or tare-pack. It starts the program, which
 * inherits nothing but the descriptors named, and ends it in every case. */
typedef struct TalkFrame {
    LayerFrameType type;
    union {
        char text[LAYER_DATA_MAX + 1]; /* NUL behind the bytes */
        uint64_t current;
        LayerDone done;
        Error error;
    };
    uint32_t length;
} TalkFrame;

/* What the program says, but FAILED. 1: that was all. */
typedef int TalkTake(void *user, TalkFrame *frame, Error *err);

typedef struct Talk {
    const char *const *argv; /* argv[0]: its path */
    int input;               /* -1: none */
    const int *more;         /* become 3, 4, … */
    size_t more_n;
    TalkTake *take;
    void *user;
} Talk;

int talk(const Talk *talk, Error *err);

/* For what takes frames: the program spoke out of turn. */
int talk_garbled(Error *err);
