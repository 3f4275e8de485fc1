// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stddef.h>
#include <stdint.h>

/* One parser of foreign bytes, fed with any bytes at all. libFuzzer's main() looks for inputs;
 * replay.c's reads those of the corpus. A property that does not hold is an abort(). */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
