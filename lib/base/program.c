// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/process.h"
#include "base/text.h"

static char *try_directory(const char *directory, const char *name) {
    autofree char *path = path_join(directory, name);
    return access(path, X_OK) == 0 ? path_clean(path) : NULL;
}

/* In $PATH, whose empty entries (the working directory) do not count. */
static char *search_path(const char *name) {
    const char *search = getenv("PATH");
    autotexts char **directories = texts_split(
        text_is_empty(search) ? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
                              : search,
        ':');
    char *found = NULL;
    for (char **each = directories; *each && !found; each++)
        found = **each == '/' ? try_directory(*each, name) : NULL;
    return found;
}

int process_find_program(const char *name, char **ret, Error *err) {
    /* as it was started, perhaps through a symlink (getauxval(3)), then as it is. A program that
     * runs from a copy of itself can know neither: then who made the copy says where it was. */
    const char *original = getenv(PROCESS_ORIGINAL_ENVIRONMENT);
    const char *given = original ? original : (const char *)getauxval(AT_EXECFN);
    autofree char *absolute = given && strchr(given, '/') ? path_absolute(given) : NULL;
    autofree char *started = absolute ? path_parent(absolute) : NULL;
    autofree char *beside = started ? path_join(started, "../libexec/tare") : NULL;
    autofree char *real = realpath("/proc/self/exe", NULL);
    autofree char *installed = real ? path_parent(real) : NULL;
    autofree char *libexec = installed ? path_join(installed, "../libexec/tare") : NULL;
    const char *const directories[] = {started, beside, installed, libexec};
    char *found = NULL;
    for (size_t i = 0; i < array_size(directories) && !found; i++)
        found = directories[i] ? try_directory(directories[i], name) : NULL;
    if (!found)
        found = search_path(name);
    if (!found)
        return error_set(err, ERROR_NOT_FOUND,
            "cannot find %s beside this program, in ../libexec/tare or in $PATH", name);
    *ret = found;
    return 0;
}

/* A mount's descriptor only names the file; to be mapped it is opened for reading. Until the
 * descriptor is closed the mount is in a namespace of its own, where who finds the file by
 * /proc/PID/exe may change it (mount_setattr(2)): nobody can, yet. */
int program_open_readonly(const char *path) {
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY, .propagation = MS_PRIVATE};
    autoclose int mount = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    char file[64];
    if (mount < 0 || mount_setattr(mount, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0)
        return -1;
    snprintf(file, sizeof file, "/proc/self/fd/%d", mount);
    return openat(AT_FDCWD, file, O_RDONLY | O_CLOEXEC);
}
