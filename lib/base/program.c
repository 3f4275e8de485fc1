// SPDX-License-Identifier: Apache-2.0
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/process.h"
#include "base/text.h"

static bool is_program(const char *path) {
    return access(path, X_OK) == 0;
}

/* In $PATH, whose empty entries (the working directory) do not count. */
static char *search_path(const char *name) {
    autotexts char **directories = texts_split(getenv("PATH") ? getenv("PATH") : "", ':');
    for (char **each = directories; *each; each++) {
        autofree char *path = path_join(*each, name);
        if (**each == '/' && is_program(path))
            return take_ptr(&path);
    }
    return NULL;
}

int process_find_program(const char *name, char **ret, Error *err) {
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (n > 0) {
        self[n] = '\0';
        autofree char *directory = path_parent(self);
        autofree char *beside = path_join(directory, name);
        autofree char *libexec = text_format("%s/../libexec/tare/%s", directory, name);
        const char *found = is_program(beside) ? beside : is_program(libexec) ? libexec : NULL;
        *ret = found ? text_copy(found) : search_path(name);
    } else {
        *ret = search_path(name);
    }
    if (*ret)
        return 0;
    return error_set(err, ERROR_NOT_FOUND,
        "cannot find %s beside this program, in ../libexec/tare or in $PATH", name);
}
