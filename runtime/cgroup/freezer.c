// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "base/time.h"
#include "runtime/cgroup/cgroup.h"

/* Stopping every process of a cgroup. v1: while processes are forked or moved in, "FREEZING" may
 * last, and writing again catches the new ones (kernel: cgroup-v1/freezer-subsystem.rst). v2:
 * cgroup.events says when all have stopped. */

enum {
    FILE_MAX = 4096,
    TRIES = 1000
};

typedef struct Freezer {
    const char *file, *on, *off;
} Freezer;

static const Freezer freezer_v1 = {"freezer.state", "FROZEN", "THAWED"};
static const Freezer freezer_v2 = {"cgroup.freeze", "1", "0"};

static const CgroupDirectory *find(const Cgroup *cgroup, const Freezer **ret) {
    const CgroupDirectory *v1 = cgroup_find(cgroup, "freezer");
    *ret = v1 ? &freezer_v1 : &freezer_v2;
    return v1 ? v1 : cgroup_find(cgroup, "");
}

static bool file_holds(const CgroupDirectory *directory, const char *file, const char *word) {
    Error ignored;
    autodone(Text) text = {};
    autofree char *path = text_format("%s/%s", directory->path, file);
    return file_read(AT_FDCWD, path, FILE_MAX, &text, &ignored) >= 0 && strstr(text.data, word);
}

static bool is_stopped(const CgroupDirectory *directory, const Freezer *freezer) {
    return freezer == &freezer_v1 ? file_holds(directory, freezer->file, freezer->on)
                                  : file_holds(directory, "cgroup.events", "frozen 1");
}

bool cgroup_is_frozen(const Cgroup *cgroup) {
    const Freezer *freezer;
    const CgroupDirectory *directory = find(cgroup, &freezer);
    if (!directory)
        return false;
    if (freezer == &freezer_v2)
        return file_holds(directory, freezer->file, freezer->on);
    /* frozen with a parent is not paused */
    return !file_holds(directory, freezer->file, freezer->off) &&
           file_holds(directory, "freezer.self_freezing", "1");
}

static int write_state(
    const CgroupDirectory *directory, const Freezer *freezer, bool on, Error *err) {
    autofree char *path = text_format("%s/%s", directory->path, freezer->file);
    return file_write_kernel(AT_FDCWD, path, on ? freezer->on : freezer->off, err);
}

int cgroup_freeze(const Cgroup *cgroup, bool on, Error *err) {
    const Freezer *freezer;
    Error ignored;
    const CgroupDirectory *directory = find(cgroup, &freezer);
    if (!directory)
        return error_set(
            err, ERROR_UNSUPPORTED, "cannot toggle freezer: cgroups not configured for container");
    TRY(write_state(directory, freezer, on, err));
    for (int i = 0; on && !is_stopped(directory, freezer); i++) {
        if (i == TRIES) {
            (void)write_state(directory, freezer, false, &ignored);
            return error_set(err, ERROR_TIMEOUT, "unable to freeze");
        }
        time_sleep((i < 10 ? 1 : 10) * TIME_MILLISECOND);
        if (freezer == &freezer_v1)
            TRY(write_state(directory, freezer, true, err));
    }
    return 0;
}
