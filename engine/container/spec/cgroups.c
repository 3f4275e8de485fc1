// SPDX-License-Identifier: Apache-2.0
#include "engine/container/spec/cgroups.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mountinfo.h"
#include "base/path.h"
#include "base/text.h"

enum {
    MOUNTINFO_LIMIT = 16 << 20
};

static void visit(char *text) {
    MountLine line;
    if (!mount_line_cut(text, &line) || !text_starts(line.type, "cgroup"))
        return;
    if (strchr(line.point, '\\')) /* escaped: not where cgroups are mounted */
        return;
    autofree char *path = path_join(line.point, CGROUP_PARENT);
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
