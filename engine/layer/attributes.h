// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/error.h"

/* Extended attributes that a layer carries: user.* of files and directories, and
 * security.capability of files. Others mean nothing in a container or belong to the host
 * (security.selinux, trusted.*); overlayfs' own would let a layer reach into another layer's files.
 */
typedef struct Attribute {
    char *name;
    void *value;
    size_t size;
} Attribute;

typedef struct Attributes {
    Attribute *item; /* sorted by name */
    size_t n;
} Attributes;

bool attribute_is_overlays(const char *name);
bool attribute_is_carried(const char *name, mode_t type);

/* Of an open file or directory. A file system without attributes has none. */
int attributes_read(int fd, mode_t type, Attributes *ret, Error *err);
bool attributes_equal(const Attributes *a, const Attributes *b);
void attributes_done(Attributes *attributes);
CLEANUP_DEFINE_DONE(Attributes, attributes_done)
