// SPDX-License-Identifier: Apache-2.0
#include "base/path.h"

#include <string.h>
#include <unistd.h>

#include "base/text.h"

bool path_is_absolute(const char *path) {
    return path[0] == '/';
}

char *path_join(const char *a, const char *b) {
    size_t n = strlen(a);
    while (n > 0 && a[n - 1] == '/')
        n--;
    while (*b == '/')
        b++;
    if (!n && !*a)
        return text_copy(b);
    return text_format("%.*s/%s", (int)n, a, b);
}

/* Drops the last component of a clean prefix; false when there is none to drop. */
static bool drop_last(Text *out, bool absolute) {
    const char *slash = out->length ? strrchr(out->data, '/') : NULL;
    const char *last = slash ? slash + 1 : out->data;
    if (!out->length || (!absolute && strcmp(last, "..") == 0))
        return false;
    out->length = slash ? (size_t)(slash - out->data) : 0;
    out->data[out->length] = '\0';
    return true;
}

char *path_clean(const char *path) {
    Text out = {};
    bool absolute = path_is_absolute(path);
    text_append(&out, "");
    for (const char *p = path; *p;) {
        size_t n = strcspn(p, "/");
        if (n == 2 && memcmp(p, "..", 2) == 0) {
            if (!drop_last(&out, absolute) && !absolute)
                text_append(&out, out.length ? "/.." : "..");
        } else if (n && !(n == 1 && *p == '.')) {
            if (out.length || absolute)
                text_append_char(&out, '/');
            text_append_bytes(&out, p, n);
        }
        p += n;
        p += strspn(p, "/");
    }
    if (!out.length)
        text_append(&out, absolute ? "/" : ".");
    return text_take(&out);
}

char *path_absolute(const char *path) {
    if (path_is_absolute(path))
        return path_clean(path);
    autofree char *here = getcwd(NULL, 0);
    autofree char *joined = path_join(here ? here : "/", path);
    return path_clean(joined);
}

char *path_parent(const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash)
        return text_copy(".");
    return slash == path ? text_copy("/") : text_copy_n(path, (size_t)(slash - path));
}

const char *path_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

bool path_is_within(const char *path, const char *ancestor) {
    size_t n = strlen(ancestor);
    if (strcmp(ancestor, "/") == 0)
        return path_is_absolute(path);
    return strncmp(path, ancestor, n) == 0 && (path[n] == '/' || !path[n]);
}
