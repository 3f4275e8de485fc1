// SPDX-License-Identifier: Apache-2.0
#include "base/memory.h"
#include "base/text.h"
#include "engine/layer/pack.h"

static const char *const mode_names[] = {
    [PACK_LAYER] = "layer", [PACK_FLAT] = "flat", [PACK_LIST] = "list", [PACK_COPY] = "copy"};
_Static_assert(array_size(mode_names) == PACK_MODES, "each mode has its name");

const char *pack_mode_name(PackMode mode) {
    return mode_names[mode];
}

PackMode pack_mode_find(const char *name) {
    int i = 0;
    while (i < PACK_MODES && !text_equal(mode_names[i], name))
        i++;
    return (PackMode)i;
}
