// SPDX-License-Identifier: Apache-2.0
#include "engine/container/oom.h"

#include <stdlib.h>

#include "base/memory.h"
#include "base/text.h"

#define T ContainerOom
static const JsonField fields[] = {
    {"kills", JSON_UINT, JSON_AT(kills)},
    {"peak", JSON_UINT, JSON_AT(peak)},
    {"limit", JSON_UINT, JSON_AT(limit)},
    {"pid", JSON_UINT, JSON_AT(pid)},
    {"exec", JSON_TEXT, JSON_AT(exec)},
    {"usage", JSON_UINT, JSON_AT(usage)},
    {},
};
const JsonType container_oom_type = {sizeof(T), fields};
#undef T

ContainerOom *container_oom_copy(const ContainerOom *oom) {
    if (!oom)
        return NULL;
    ContainerOom *copy = new (ContainerOom);
    *copy = *oom;
    copy->exec = text_copy(oom->exec);
    return copy;
}

void container_oom_free(ContainerOom *oom) {
    if (oom)
        free(oom->exec);
    free(oom);
}
