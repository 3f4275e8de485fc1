// SPDX-License-Identifier: Apache-2.0
#include "shim/self.h"

#include <sys/auxv.h>

#include "base/path.h"

const char *self_path(void) {
    static char *path;
    if (!path) {
        /* getauxval(3): what execve(2) was given */
        const char *given = (const char *)getauxval(AT_EXECFN);
        path = path_absolute(given ? given : "/proc/self/exe");
    }
    return path;
}
