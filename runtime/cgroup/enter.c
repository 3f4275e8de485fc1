// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/enter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/text.h"
#include "runtime/cgroup/hierarchy.h"
#include "runtime/cgroup/systemd_client.h"

static void go_below(CgroupDirectory *directory, const char *sub) {
    char *old = directory->path;
    autofree char *joined = path_join(old, sub);
    directory->path = path_clean(joined);
    free(old);
}

static int select_controller(Cgroup *cgroup, const char *name, const char *sub, Error *err) {
    for (size_t i = 0; i < cgroup->n; i++) {
        const char *controllers = cgroup->item[i].controllers;
        autofree char *named = text_format("name=%s", name);
        if (!hierarchy_has(controllers, name) && !hierarchy_has(controllers, named))
            continue;
        if (!cgroup->item[i].selected)
            go_below(&cgroup->item[i], sub);
        cgroup->item[i].selected = true;
        return 0;
    }
    return error_set(err, ERROR_INVALID, "unknown controller %s in --cgroup argument", name);
}

static bool leads_out(const char *sub) {
    autotexts char **parts = texts_split(sub, '/');
    for (char **part = parts; *part; part++)
        if (strcmp(*part, "..") == 0)
            return true;
    return false;
}

int cgroup_select(Cgroup *cgroup, const char *const *words, size_t n, Error *err) {
    for (size_t w = 0; w < n; w++) {
        const char *colon = strchr(words[w], ':'), *sub = colon ? colon + 1 : words[w];
        if (leads_out(sub))
            return error_set(err, ERROR_INVALID, "bad sub cgroup path: %s", sub);
        if (!colon && n > 1)
            return error_set(err, ERROR_INVALID,
                "invalid --cgroup argument: %s (missing <controller>: prefix)", words[w]);
        for (size_t i = 0; !colon && i < cgroup->n; i++)
            go_below(&cgroup->item[i], sub);
        autofree char *names = text_copy_n(words[w], colon ? (size_t)(colon - words[w]) : 0);
        autotexts char **list = texts_split(names, ',');
        if (colon && (!*list || strstr(names, ",,")))
            return error_set(err, ERROR_INVALID,
                "invalid --cgroup argument: %s (empty <controller> prefix)", words[w]);
        for (char **name = list; *name; name++)
            TRY(select_controller(cgroup, *name, sub, err));
    }
    cgroup->first_pid = n ? 0 : cgroup->first_pid; /* who says where wants it there */
    return 0;
}

/* v2: the container's first process may have moved into a cgroup of its own below, and made ours a
 * place where no process may live. New string, or NULL. */
static char *first_process_path(const Cgroup *cgroup) {
    autodone(Hierarchies) found = {};
    autodone(Text) text = {};
    Error ignored;
    autofree char *file = text_format("/proc/%d/cgroup", cgroup->first_pid);
    if (!cgroup->v2 || cgroup->first_pid <= 0 || hierarchies_find(&found, &ignored) < 0 ||
        file_read(AT_FDCWD, file, 65536, &text, &ignored) < 0 || !text_starts(text.data, "0::/"))
        return NULL;
    text.data[strcspn(text.data, "\n")] = '\0';
    autofree char *inside = cgroup_path_inside(text.data + 3, "", "/", found.item[0].root, false);
    return found.n == 1 ? path_join(found.item[0].mount, inside) : NULL;
}

int cgroup_open_one(CgroupDirectory *directory, Error *err) {
    int *fd = &directory->fd;
    if (!*directory->controllers)
        return *fd < 0 ? file_open(AT_FDCWD, directory->path, O_RDONLY | O_DIRECTORY, 0, fd, err)
                       : 0;
    /* "tasks", not "cgroup.procs": a single thread that moves itself takes no lock over all threads
     * of the machine (cgroup_attach_lock), which costs an RCU grace period */
    autofree char *tasks = path_join(directory->path, "tasks");
    return file_open(AT_FDCWD, tasks, O_WRONLY, 0, &directory->tasks_fd, err);
}

static int open_where_first_process_is(const Cgroup *cgroup, CgroupDirectory *directory) {
    Error ignored;
    autofree char *path = first_process_path(cgroup);
    if (!path)
        return ERROR_NOT_FOUND;
    free(directory->path);
    directory->path = take_ptr(&path);
    return cgroup_open_one(directory, &ignored);
}

int cgroup_open(Cgroup *cgroup, Error *err) {
    for (size_t i = 0; i < cgroup->n; i++) {
        int r = cgroup_open_one(&cgroup->item[i], err);
        if (r < 0 && open_where_first_process_is(cgroup, &cgroup->item[i]) < 0)
            return error_prefix(err, "error adding pid of the process to cgroups");
    }
    return 0;
}

int cgroup_unified_fd(const Cgroup *cgroup) {
    const CgroupDirectory *directory = cgroup_find(cgroup, "");
    return directory ? directory->fd : -1;
}

int cgroup_send(const Cgroup *cgroup, int socket, Error *err) {
    autofree int *fds = new_array(int, cgroup->n);
    size_t n = 0;
    for (size_t i = 0; i < cgroup->n; i++)
        if (*cgroup->item[i].controllers)
            fds[n++] = cgroup->item[i].tasks_fd;
    return fd_send(socket, fds, n, err);
}

int cgroup_receive(Cgroup *cgroup, int socket, Error *err) {
    autofree int *fds = new_array(int, cgroup->n);
    size_t n = 0;
    for (size_t i = 0; i < cgroup->n; i++)
        n += *cgroup->item[i].controllers != '\0';
    TRY(fd_receive_all(socket, fds, n, err));
    for (size_t i = cgroup->n; i-- > 0;)
        if (*cgroup->item[i].controllers)
            cgroup->item[i].tasks_fd = fds[--n];
    return 0;
}

int cgroup_enter(const Cgroup *cgroup, Error *err) {
    for (size_t i = 0; i < cgroup->n; i++) {
        const CgroupDirectory *directory = &cgroup->item[i];
        if (directory->tasks_fd >= 0 && write(directory->tasks_fd, "0", 1) != 1)
            return error_set_errno(err, errno, "cannot enter cgroup '%s'", directory->path);
    }
    return 0;
}

int cgroup_add_unified(const Cgroup *cgroup, int pid, Error *err) {
    int fd = cgroup_unified_fd(cgroup);
    Error ignored;
    autofree char *number = text_format("%d", pid);
    int r = fd < 0 ? 0 : file_write_kernel(fd, "cgroup.procs", number, err);
    if (r >= 0)
        return 0;
    autofree char *path = first_process_path(cgroup);
    /* a user may not move processes between cgroups that have no common parent of theirs */
    if (cgroup->unit && (err->sys == EACCES || err->sys == EPERM)) {
        r = systemd_attach(cgroup, cgroup_find(cgroup, "")->path, pid, err);
        return r < 0 && path ? systemd_attach(cgroup, path, pid, err) : r;
    }
    autofree char *procs = path ? path_join(path, "cgroup.procs") : NULL;
    if (procs && file_write_kernel(AT_FDCWD, procs, number, &ignored) >= 0)
        return 0;
    return error_prefix(err, "error adding pid %d to cgroups", pid);
}
