// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/oom.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "runtime/cgroup/statistics_text.h"

enum {
    FILE_MAX = 4096
};

static int open_v1(OomWatch *watch, Error *err) {
    autofree char *events = text_format("%s/memory.oom_control", watch->directory);
    autofree char *control = text_format("%s/cgroup.event_control", watch->directory);
    TRY(file_open(AT_FDCWD, events, O_RDONLY, 0, &watch->file, err));
    watch->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (watch->fd < 0)
        return error_set_errno(err, errno, "cannot make an eventfd");
    autofree char *line = text_format("%d %d", watch->fd, watch->file);
    return file_write_kernel(AT_FDCWD, control, line, err);
}

static bool read_value(const OomWatch *watch, const char *file, const char *key, uint64_t *ret) {
    Error ignored;
    autodone(Text) text = {};
    autofree char *path = text_format("%s/%s", watch->directory, file);
    if (file_read(AT_FDCWD, path, FILE_MAX, &text, &ignored) < 0)
        return false;
    *ret = statistics_find(text.data, key);
    return true;
}

static int open_v2(OomWatch *watch, Error *err) {
    static const char *const files[] = {"cgroup.events", "memory.events"};
    watch->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (watch->fd < 0)
        return error_set_errno(err, errno, "cannot watch files");
    (void)read_value(watch, "memory.events", "oom_kill", &watch->kills);
    for (size_t i = 0; i < 2; i++) {
        autofree char *path = text_format("%s/%s", watch->directory, files[i]);
        bool optional = i == 1; /* without the memory controller there is still an end */
        if (inotify_add_watch(watch->fd, path, IN_MODIFY) < 0 && !optional)
            return error_set_errno(err, errno, "cannot watch '%s'", path);
    }
    return 0;
}

int oom_watch_open(OomWatch *watch, const Cgroup *cgroup, Error *err) {
    const CgroupDirectory *directory = cgroup_find(cgroup, cgroup->v2 ? "" : "memory");
    *watch = (OomWatch){.fd = -1, .file = -1, .v2 = cgroup->v2};
    if (!directory)
        return error_set(err, ERROR_UNSUPPORTED, "memory controller missing");
    watch->directory = text_copy(directory->path);
    return watch->v2 ? open_v2(watch, err) : open_v1(watch, err);
}

/* The kernel writes to the eventfd once more when the cgroup is removed. */
static OomNews read_v1(OomWatch *watch) {
    uint64_t count;
    autofree char *control = text_format("%s/cgroup.event_control", watch->directory);
    if (read(watch->fd, &count, sizeof count) != sizeof count)
        return errno == EINTR || errno == EAGAIN ? OOM_NOTHING : OOM_END;
    return file_exists(AT_FDCWD, control) ? OOM_KILLED : OOM_END;
}

static OomNews read_v2(OomWatch *watch) {
    char events[4096];
    uint64_t kills = watch->kills, populated;
    while (read(watch->fd, events, sizeof events) > 0)
        ; /* which file it was does not matter: both are read */
    (void)read_value(watch, "memory.events", "oom_kill", &kills);
    if (kills > watch->kills) {
        watch->kills = kills;
        return OOM_KILLED;
    }
    return read_value(watch, "cgroup.events", "populated", &populated) && populated ? OOM_NOTHING
                                                                                    : OOM_END;
}

OomNews oom_watch_read(OomWatch *watch) {
    return watch->v2 ? read_v2(watch) : read_v1(watch);
}

void oom_watch_done(OomWatch *watch) {
    if (watch->fd >= 0)
        close(watch->fd);
    if (watch->file >= 0)
        close(watch->file);
    free(watch->directory);
}
