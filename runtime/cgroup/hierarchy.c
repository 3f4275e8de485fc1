// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/hierarchy.h"

#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/mountinfo.h"
#include "base/text.h"

enum {
    PROC_FILE_MAX = 16 << 20
};

bool hierarchy_has(const char *controllers, const char *controller) {
    size_t n = strlen(controller);
    if (!*controllers || !n)
        return !*controllers && !n;
    for (const char *p = controllers;; p++) {
        if (strncmp(p, controller, n) == 0 && (p[n] == ',' || p[n] == '\0'))
            return true;
        p = strchr(p, ',');
        if (!p)
            return false;
    }
}

/* "9:name=systemd:/path" */
static void add_own(Hierarchies *all, char *line) {
    strsep(&line, ":");
    char *controllers = strsep(&line, ":");
    if (!controllers || !line || *line != '/')
        return;
    Hierarchy h = {.controllers = text_copy(controllers), .own = text_copy(line)};
    array_append(all->item, all->n, h);
}

/* The super options of a v1 mount hold its controllers among other words ("rw,cpu,cpuacct"). */
static bool options_hold(const char *options, const char *controllers) {
    autotexts char **list = texts_split(controllers, ',');
    for (char **name = list; *name; name++)
        if (!hierarchy_has(options, *name))
            return false;
    return list[0] != NULL;
}

static void set_mount(Hierarchy *h, const char *root, const char *mount) {
    /* mounted twice: the first serves, unless it is of a place beyond our cgroup namespace */
    if (h->mount && !text_starts(h->root, "/.."))
        return;
    free(h->root);
    free(h->mount);
    h->root = text_copy(root);
    h->mount = text_copy(mount);
    mount_name_unescape(h->root);
    mount_name_unescape(h->mount);
}

static void add_mount(Hierarchies *all, char *text) {
    MountLine line;
    if (!mount_line_cut(text, &line))
        return;
    for (size_t i = 0; i < all->n; i++) {
        Hierarchy *h = &all->item[i];
        bool v2 = !*h->controllers;
        if (v2 ? strcmp(line.type, "cgroup2") == 0
               : strcmp(line.type, "cgroup") == 0 && options_hold(line.options, h->controllers))
            set_mount(h, line.root, line.point);
    }
}

static void forget_unmounted(Hierarchies *all) {
    size_t kept = 0;
    for (size_t i = 0; i < all->n; i++) {
        Hierarchy h = all->item[i];
        if (h.mount) {
            all->item[kept++] = h;
            continue;
        }
        free(h.controllers);
        free(h.own);
    }
    all->n = kept;
}

void hierarchies_parse(Hierarchies *ret, char *mountinfo, char *cgroups) {
    for (char *line; (line = strsep(&cgroups, "\n"));)
        if (*line)
            add_own(ret, line);
    for (char *line; (line = strsep(&mountinfo, "\n"));)
        add_mount(ret, line);
    forget_unmounted(ret);
}

int hierarchies_find(Hierarchies *ret, Error *err) {
    autodone(Text) mountinfo = {}, cgroups = {};
    TRY(file_read(AT_FDCWD, "/proc/self/cgroup", PROC_FILE_MAX, &cgroups, err));
    TRY(file_read(AT_FDCWD, "/proc/self/mountinfo", PROC_FILE_MAX, &mountinfo, err));
    hierarchies_parse(ret, mountinfo.data, cgroups.data);
    return 0;
}

void hierarchies_done(Hierarchies *hierarchies) {
    for (size_t i = 0; i < hierarchies->n; i++) {
        free(hierarchies->item[i].controllers);
        free(hierarchies->item[i].mount);
        free(hierarchies->item[i].root);
        free(hierarchies->item[i].own);
    }
    free(hierarchies->item);
    *hierarchies = (Hierarchies){};
}
