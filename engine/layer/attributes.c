// SPDX-License-Identifier: Apache-2.0
#include "engine/layer/attributes.h"

#include <errno.h>
#include <linux/limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/memory.h"
#include "base/text.h"

bool attribute_is_overlays(const char *name) {
    return text_starts(name, "trusted.overlay.") || text_starts(name, "user.overlay.");
}

bool attribute_is_carried(const char *name, mode_t type) {
    if (attribute_is_overlays(name))
        return false;
    return text_starts(name, "user.") ||
           (S_ISREG(type) && strcmp(name, "security.capability") == 0);
}

/* What vanishes between two calls was never there. */
static int add(int fd, const char *name, Attributes *to, Error *err) {
    autofree char *value = memory_new(XATTR_SIZE_MAX);
    ssize_t n = fgetxattr(fd, name, value, XATTR_SIZE_MAX);
    if (n < 0)
        return errno == ENODATA || errno == ENOTSUP
                   ? 0
                   : error_set_errno(err, errno, "cannot read an extended attribute");
    Attribute attribute = {text_copy(name), memory_copy(value, n ? (size_t)n : 1), (size_t)n};
    array_append(to->item, to->n, attribute);
    return 0;
}

static int compare(const void *a, const void *b) {
    return strcmp(((const Attribute *)a)->name, ((const Attribute *)b)->name);
}

int attributes_read(int fd, mode_t type, Attributes *ret, Error *err) {
    autodone(Attributes) attributes = {};
    char some[1];
    *ret = attributes;
    ssize_t n = flistxattr(fd, some, 0);
    if (n == 0 || (n < 0 && errno == ENOTSUP))
        return 0;
    autofree char *list = memory_new(XATTR_LIST_MAX);
    n = flistxattr(fd, list, XATTR_LIST_MAX);
    if (n < 0)
        return error_set_errno(err, errno, "cannot list extended attributes");
    for (const char *name = list; name < list + n; name += strlen(name) + 1)
        if (attribute_is_carried(name, type))
            TRY(add(fd, name, &attributes, err));
    if (attributes.n > 1)
        qsort(attributes.item, attributes.n, sizeof(*attributes.item), compare);
    *ret = attributes;
    attributes = (Attributes){};
    return 0;
}

bool attributes_equal(const Attributes *a, const Attributes *b) {
    bool same = a->n == b->n;
    for (size_t i = 0; same && i < a->n; i++)
        same = strcmp(a->item[i].name, b->item[i].name) == 0 &&
               a->item[i].size == b->item[i].size &&
               memcmp(a->item[i].value, b->item[i].value, a->item[i].size) == 0;
    return same;
}

void attributes_done(Attributes *attributes) {
    for (size_t i = 0; i < attributes->n; i++) {
        free(attributes->item[i].name);
        free(attributes->item[i].value);
    }
    free(attributes->item);
    *attributes = (Attributes){};
}
