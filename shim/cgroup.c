// SPDX-License-Identifier: Apache-2.0
#include "shim/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/mountinfo.h"
#include "base/path.h"
#include "base/text.h"
#include "shim/loop.h"

enum {
    DEPTH_MAX = 16
};

/* One hierarchy that can tell about memory. */
static const struct {
    const char *controller, *counter;
} hierarchies[] = {
    {"memory", "memory.oom_control"},
    {"", "memory.events"},
};

static bool list_has(const char *list, const char *word) {
    autotexts char **items = texts_split(list, ',');
    for (char **item = items; item && *item; item++)
        if (strcmp(*item, word) == 0)
            return true;
    return false;
}

/* Lines "id:controllers:path"; a new string, or NULL. */
static char *find_path(const char *table, const char *controller) {
    autotexts char **lines = texts_split(table, '\n');
    for (char **line = lines; line && *line; line++) {
        char *controllers = strchr(*line, ':');
        char *path = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!path)
            continue;
        *path++ = '\0';
        controllers++;
        if (*controller ? list_has(controllers, controller) : !*controllers)
            return text_copy(path);
    }
    return NULL;
}

/* Where the controller's hierarchy is mounted, with the part of it that is (proc_pid_mountinfo(5),
 * fields 4 and 5; type and super options follow " - "). */
static char *find_mount(const char *table, const char *controller, char **ret_root) {
    autotexts char **lines = texts_split(table, '\n');
    for (char **text = lines; text && *text; text++) {
        MountLine line;
        if (!mount_line_cut(*text, &line) ||
            strcmp(line.type, *controller ? "cgroup" : "cgroup2") != 0 ||
            (*controller && !list_has(line.options, controller)))
            continue;
        *ret_root = text_copy(line.root);
        return text_copy(line.point);
    }
    return NULL;
}

/* The machine's hierarchies, as lines of mountinfo. They are read once and stay where they are: the
 * table has a line for every container of the machine, too, and the kernel is slow to write it. */
static int find_hierarchies(const char **ret, Error *err) {
    static const char kind[] = " - cgroup";
    static Text known;
    autodone(Text) mounts = {};
    if (!known.length)
        TRY(file_read(AT_FDCWD, "/proc/self/mountinfo", 16 << 20, &mounts, err));
    for (const char *line = mounts.data, *next; line && *line; line = next) {
        const char *end = strchrnul(line, '\n');
        next = end + (*end == '\n');
        if (memmem(line, (size_t)(end - line), kind, sizeof kind - 1))
            text_append_bytes(&known, line, (size_t)(next - line));
    }
    *ret = known.data ? known.data : "";
    return 0;
}

static int read_tables(pid_t pid, const char **ret_mounts, Text *cgroups, Error *err) {
    autofree char *file = text_format("/proc/%d/cgroup", (int)pid);
    TRY(find_hierarchies(ret_mounts, err));
    return file_read(AT_FDCWD, file, 1 << 20, cgroups, err);
}

/* -1 where there is none. */
static int open_directory(const char *mounts, const char *cgroups, const char *controller) {
    autofree char *path = find_path(cgroups, controller);
    autofree char *root = NULL;
    autofree char *point = path ? find_mount(mounts, controller, &root) : NULL;
    if (!point || strstr(path, "/.."))
        return -1;
    const char *rest = path;
    if (strcmp(root, "/") != 0 && path_is_within(path, root))
        rest += strlen(root);
    autofree char *full = path_join(point, rest);
    return open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

int cgroup_open_directories(
    pid_t pid, const char *const *controllers, size_t n, int *ret_fds, Error *err) {
    const char *mounts;
    autodone(Text) cgroups = {};
    for (size_t i = 0; i < n; i++)
        ret_fds[i] = -1;
    TRY(read_tables(pid, &mounts, &cgroups, err));
    for (size_t i = 0; i < n; i++)
        ret_fds[i] = open_directory(mounts, cgroups.data, controllers[i]);
    return 0;
}

static int read_counter(int fd, unsigned long *ret) {
    char text[1024];
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    if (n <= 0)
        return -1;
    text[n] = '\0';
    const char *line = text_starts(text, "oom_kill ") ? text : strstr(text, "\noom_kill ");
    if (!line || sscanf(strchr(line, ' '), "%lu", ret) != 1)
        return -1;
    return 0;
}

static bool keep(Cgroup *cgroup, int opened, const char *counter_name) {
    autoclose int directory = opened;
    if (directory < 0)
        return false;
    autoclose int counter = openat(directory, counter_name, O_RDONLY | O_CLOEXEC);
    bool counts = counter >= 0 && read_counter(counter, &cgroup->before) == 0;
    if (!counts && cgroup->directory >= 0)
        return false; /* the other hierarchy lists the same processes */
    if (cgroup->directory >= 0)
        close(cgroup->directory);
    cgroup->directory = take_fd(&directory);
    if (counts)
        cgroup->counter = take_fd(&counter);
    return counts;
}

int cgroup_open(Cgroup *cgroup, pid_t pid, Error *err) {
    const char *mounts;
    autodone(Text) cgroups = {};
    TRY(read_tables(pid, &mounts, &cgroups, err));
    for (size_t i = 0; i < array_size(hierarchies); i++)
        if (keep(cgroup, open_directory(mounts, cgroups.data, hierarchies[i].controller),
                hierarchies[i].counter)) {
            cgroup->v1 = *hierarchies[i].controller;
            return 0;
        }
    if (cgroup->directory < 0)
        return error_set(err, ERROR_NOT_FOUND, "process %d is in no cgroup that counts", (int)pid);
    return 0;
}

void cgroup_done(Cgroup *cgroup) {
    if (cgroup->directory >= 0)
        close(cgroup->directory);
    if (cgroup->counter >= 0)
        close(cgroup->counter);
    *cgroup = (Cgroup)CGROUP_NULL;
}

uint64_t cgroup_oom_kills(const Cgroup *cgroup) {
    unsigned long now;
    if (cgroup->counter < 0 || read_counter(cgroup->counter, &now) < 0 || now < cgroup->before)
        return 0;
    return now - cgroup->before;
}

/* cgroup-v1/memory.rst, chapter 10: an eventfd, made known with the file that it is about. */
static int open_notice_v1(const Cgroup *cgroup) {
    Error ignored;
    autoclose int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    autofree char *line = text_format("%d %d", fd, cgroup->counter);
    if (fd < 0 || file_write_kernel(cgroup->directory, "cgroup.event_control", line, &ignored) < 0)
        return -1;
    return take_fd(&fd);
}

/* kernfs wakes those who poll for priority events; reading the file is what takes them. */
int cgroup_open_oom_notice(const Cgroup *cgroup, uint32_t *ret_events) {
    if (cgroup->counter < 0)
        return -1;
    *ret_events = cgroup->v1 ? EPOLLIN : EPOLLPRI;
    return cgroup->v1 ? open_notice_v1(cgroup) : fcntl(cgroup->counter, F_DUPFD_CLOEXEC, 0);
}

bool cgroup_take_oom_notice(int fd) {
    char text[1024];
    return pread(fd, text, sizeof text, 0) > 0 || (errno == ESPIPE && read(fd, text, 8) == 8);
}

static uint64_t read_bytes(int directory, const char *file) {
    autodone(Text) text = {};
    Error ignored;
    uint64_t value;
    if (file_read(directory, file, 64, &text, &ignored) < 0)
        return 0;
    return sscanf(text.data, "%" SCNu64, &value) == 1 ? value : 0; /* "max" is none */
}

void cgroup_memory(const Cgroup *cgroup, uint64_t *ret_peak, uint64_t *ret_limit) {
    int at = cgroup->directory;
    *ret_peak = read_bytes(at, cgroup->v1 ? "memory.max_usage_in_bytes" : "memory.peak");
    *ret_limit = read_bytes(at, cgroup->v1 ? "memory.limit_in_bytes" : "memory.max");
}

static int list_directory(int directory, int depth, pid_t **pids, size_t *n, Error *err) {
    autodone(Text) procs = {};
    TRY(file_read(directory, "cgroup.procs", 16 << 20, &procs, err));
    for (char *at = procs.data, *end; at && *at; at = end + (*end == '\n')) {
        long pid = strtol(at, &end, 10);
        if (end == at)
            break;
        array_append(*pids, *n, (pid_t)pid);
    }
    int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = copy < 0 ? NULL : fdopendir(copy);
    if (!stream)
        return error_set_errno(err, errno, "cannot list the cgroup");
    int r = 0;
    for (struct dirent *entry; r >= 0 && depth < DEPTH_MAX && (entry = readdir(stream));) {
        if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
            continue;
        autoclose int below = openat(directory, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (below >= 0)
            r = list_directory(below, depth + 1, pids, n, err);
    }
    closedir(stream);
    return r;
}

int cgroup_list_pids(const Cgroup *cgroup, pid_t **pids, size_t *n, Error *err) {
    if (cgroup->directory < 0)
        return error_set(err, ERROR_NOT_FOUND, "the container's cgroup is not known");
    return list_directory(cgroup->directory, 0, pids, n, err);
}

static int enter(const char *point, const char *path, const char *pid, Error *err) {
    autofree char *full = path_join(point, path);
    autoclose int directory = open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return 0;
    TRY(file_write_kernel(directory, "cgroup.procs", pid, err));
    return 1;
}

int cgroup_enter(const char *path, pid_t pid, Error *err) {
    const char *mounts;
    autofree char *clean = path_clean(path), *number = text_format("%d", (int)pid);
    int entered = 0;
    TRY(find_hierarchies(&mounts, err));
    autotexts char **lines = texts_split(mounts, '\n');
    for (char **text = lines; text && *text; text++) {
        MountLine line;
        if (!mount_line_cut(*text, &line) || !text_starts(line.type, "cgroup"))
            continue;
        int r = enter(line.point, clean, number, err);
        TRY(r);
        entered += r;
    }
    return entered ? 0 : error_set(err, ERROR_NOT_FOUND, "no cgroup '%s'", path);
}
