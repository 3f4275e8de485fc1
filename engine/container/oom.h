// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/json.h"

/* What the kernel killed for lack of memory in a container's present or last life: the shim's
 * words, in its exit record and in Watch. */
typedef struct ContainerOom {
    JsonUint kills;       /* processes */
    JsonUint peak, limit; /* of the container, in bytes; not set: not known */
    JsonUint pid;         /* the largest victim; not set: a grandchild */
    char *exec;           /* the exec that it was; NULL: of the container's own program */
    JsonUint usage;       /* the most that it ever had resident, in bytes */
} ContainerOom;

extern const JsonType container_oom_type;

ContainerOom *container_oom_copy(const ContainerOom *oom); /* NULL of NULL */
void container_oom_free(ContainerOom *oom);                /* takes NULL */
