// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "runtime/container/container.h"

/* What `state` and `list` print about a container; members borrowed from it, except owner. */
typedef struct ContainerReport {
    char *oci_version, *id, *status, *bundle, *rootfs, *created, *owner;
    JsonInt pid;
    JsonMap annotations;
} ContainerReport;

extern const JsonType container_report_type;
ContainerReport container_report(const Container *container);
