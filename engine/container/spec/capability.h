// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>

#include "base/error.h"
#include "base/json.h"

/* Capability sets as Docker computes them: its default 14, minus what is dropped, plus what is
 * added; "ALL" is what this engine itself may give away. Names in any case, with or without CAP_.
 * ERROR_INVALID: unknown or unavailable ones. */
typedef struct CapabilityChoice {
    const JsonTexts *add, *drop;
    bool privileged;
} CapabilityChoice;

int capability_choose(const CapabilityChoice *choice, JsonTexts *ret, Error *err);
