// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/hierarchy.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "runtime/cgroup/cgroup.h"
#include "target.h"

/* /proc/self/mountinfo and /proc/self/cgroup: names of mount points and cgroups are chosen by
 * others. A line "%%" parts the two, a second one ends them; what follows is a cgroupsPath. No
 * cgroupsPath leads out of the hierarchy. */

static void place(const Hierarchies *found, const char *wanted) {
    for (size_t i = 0; i < found->n; i++) {
        const Hierarchy *h = &found->item[i];
        char *inside = cgroup_path_inside(wanted, "id", h->own, h->root, i % 2);
        if (*inside != '/' || strstr(inside, "/../") || text_ends(inside, "/.."))
            abort();
        free(inside);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char nothing[1];
    char *text = text_copy_n((const char *)data, size), *second = strstr(text, "\n%%\n");
    char *wanted = NULL;
    if (second) {
        *second = '\0';
        second += strlen("\n%%\n");
        wanted = strstr(second, "\n%%\n");
        if (wanted) {
            *wanted = '\0';
            wanted += strlen("\n%%\n");
        }
    }
    autodone(Hierarchies) found = {};
    hierarchies_parse(&found, text, second ? second : nothing);
    place(&found, wanted);
    free(text);
    return 0;
}
