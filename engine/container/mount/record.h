// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/json.h"

/* What is remembered of one thing that a container has mounted; mount.h says what it means. */
typedef struct ContainerMount {
    char *type; /* mount.h; NULL: a bind, as all were before there were volumes */
    char *source, *target, *propagation, *mode;
    JsonBool read_only, strict; /* strict: a bind's source is not made */
    char *volume;               /* its name */
    char *driver;               /* of a volume that is made, with its labels and options */
    JsonMap volume_labels, volume_options;
    char *subpath; /* of a volume: what of it is mounted; NULL: all */
    JsonBool anonymous, no_copy;
    char *options; /* of a tmpfs: "size=64m,mode=1777" */
    char *origin;  /* who wanted it; NULL: -v NAME:PATH */
} ContainerMount;
#define MOUNT_ORIGIN_PATH "path"           /* -v PATH */
#define MOUNT_ORIGIN_MOUNT "mount"         /* --mount */
#define MOUNT_ORIGIN_TMPFS "tmpfs"         /* --tmpfs */
#define MOUNT_ORIGIN_IMAGE "image"         /* VOLUME */
#define MOUNT_ORIGIN_CONTAINER "container" /* --volumes-from */

extern const JsonType container_mount_type;
