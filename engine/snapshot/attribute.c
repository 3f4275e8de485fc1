// SPDX-License-Identifier: Apache-2.0
#include "engine/snapshot/attribute.h"

#include <errno.h>
#include <limits.h>
#include <linux/limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/memory.h"
#include "base/text.h"

/* The calls that take a descriptor want one that was opened for reading, which a symlink or a
 * device has none of: the directory's descriptor and a name do as well (proc_pid_fd(5)). */
typedef struct Place {
    char path[NAME_MAX + 40];
} Place;

static Place place_of(int dir, const char *name) {
    Place place;
    snprintf(place.path, sizeof(place.path), "/proc/self/fd/%d/%s", dir, name);
    return place;
}

static bool is_overlay(const char *attribute) {
    return text_starts(attribute, "trusted.overlay.") || text_starts(attribute, "user.overlay.");
}

/* Names, one after the other, each with its NUL. *ret: XATTR_LIST_MAX bytes. */
static int list(const char *path, char *ret, ssize_t *ret_n, Error *err) {
    ssize_t n = llistxattr(path, ret, XATTR_LIST_MAX);
    if (n < 0 && errno != EOPNOTSUPP)
        return error_set_errno(err, errno, "cannot list extended attributes");
    *ret_n = n < 0 ? 0 : n;
    return 0;
}

static int copy_one(const char *from, const char *to, const char *attribute, Error *err) {
    ssize_t n = lgetxattr(from, attribute, NULL, 0);
    autofree char *value = n > 0 ? memory_new((size_t)n) : NULL;
    if (n > 0)
        n = lgetxattr(from, attribute, value, (size_t)n);
    if (n < 0)
        return error_set_errno(err, errno, "cannot read attribute %s", attribute);
    if (lsetxattr(to, attribute, value, (size_t)n, 0) < 0)
        return error_set_errno(err, errno, "cannot set attribute %s", attribute);
    return 0;
}

/* What the old directory had and the new one has not. */
static int drop_others(const char *from, const char *to, char *names, Error *err) {
    ssize_t n;
    TRY(list(to, names, &n, err));
    for (const char *name = names; name < names + n; name += strlen(name) + 1)
        if (lgetxattr(from, name, NULL, 0) < 0 && errno == ENODATA && lremovexattr(to, name) < 0 &&
            !text_starts(name, "security."))
            return error_set_errno(err, errno, "cannot remove attribute %s", name);
    return 0;
}

int attribute_copy_all(int from, int to, const char *name, Error *err) {
    const Place source = place_of(from, name), target = place_of(to, name);
    ssize_t n;
    autofree char *names = memory_new(XATTR_LIST_MAX);
    TRY(list(source.path, names, &n, err));
    for (const char *at = names; at < names + n; at += strlen(at) + 1)
        if (!is_overlay(at))
            TRY(copy_one(source.path, target.path, at, err));
    return drop_others(source.path, target.path, names, err);
}

bool attribute_is_opaque(int dir, const char *name) {
    const Place place = place_of(dir, name);
    char value;
    return lgetxattr(place.path, "trusted.overlay.opaque", &value, 1) == 1 && value == 'y';
}

int attribute_remove_overlay(int dir, const char *name, Error *err) {
    const Place place = place_of(dir, name);
    if (lremovexattr(place.path, "trusted.overlay.opaque") < 0 && errno != ENODATA &&
        errno != EOPNOTSUPP)
        return error_set_errno(err, errno, "cannot remove an overlay mark from '%s'", name);
    return 0;
}
