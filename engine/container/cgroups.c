// SPDX-License-Identifier: Apache-2.0
#include "engine/container/cgroups.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path.h"
#include "base/text.h"

enum {
    MOUNTINFO_LIMIT = 16 << 20
};

/* proc_pid_mountinfo(5): field 5 is the mount point; the type follows " - ". */
static void visit(char *line) {
    char *type = strstr(line, " - "), *rest = line, *point = NULL;
    if (!type || !text_starts(type + 3, "cgroup"))
        return;
    for (int field = 0; field < 5; field++)
        point = strsep(&rest, " ");
    if (!point || strchr(point, '\\')) /* escaped: not where cgroups are mounted */
        return;
    autofree char *path = path_join(point, CGROUP_PARENT);
    unlinkat(AT_FDCWD, path, AT_REMOVEDIR); /* fails while it has children */
}

void cgroup_parents_remove(void) {
    autodone(Text) text = {};
    Error ignored = {};
    if (file_read(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_LIMIT, &text, &ignored) < 0)
        return;
    for (char *rest = text.data, *line; (line = strsep(&rest, "\n"));)
        visit(line);
}
