// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "engine/snapshot/quota.h"
#include "engine/volume/private.h"

static int fill_stage(Volumes *volumes, const char *stage, Error *err) {
    autoclose int fd = -1;
    TRY(file_open(volumes->dir, stage, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, &fd, err));
    if (mkdirat(fd, PLACE_DATA, 0755) < 0 || fchmodat(fd, PLACE_DATA, 0755, 0) < 0)
        return error_set_errno(err, errno, "cannot make the volume's directory");
    return 0;
}

int place_stage(Volumes *volumes, uint64_t size, char ret[PLACE_STAGE_SIZE], Error *err) {
    char random[17];
    text_random_hex(random, 8);
    snprintf(ret, PLACE_STAGE_SIZE, ".new-%s", random);
    int r = quota_make_directory(volumes->dir, ret, size, err);
    if (r == 0)
        r = fill_stage(volumes, ret, err);
    Error ignored;
    if (r < 0)
        place_remove(volumes, ret, &ignored);
    return r;
}

int place_show(Volumes *volumes, const char *stage, const char *name, Error *err) {
    if (renameat(volumes->dir, stage, volumes->dir, name) < 0)
        return error_set_errno(err, errno, "cannot make the volume's directory");
    return 0;
}

/* The name is free at once, however much there is to be removed. */
int place_remove(Volumes *volumes, const char *name, Error *err) {
    char gone[PLACE_STAGE_SIZE], random[17];
    text_random_hex(random, 8);
    snprintf(gone, sizeof gone, ".gone-%s", random);
    if (renameat(volumes->dir, name, volumes->dir, gone) < 0)
        return errno == ENOENT
                   ? 0
                   : error_set_errno(err, errno, "cannot remove the volume's directory");
    return file_remove_tree(volumes->dir, gone, err);
}

bool place_exists(const Volumes *volumes, const char *name) {
    autofree char *data = text_format("%s/" PLACE_DATA, name);
    return file_exists(volumes->dir, data);
}

int place_open(const Volumes *volumes, const char *name, int *ret_fd, Error *err) {
    return file_open(volumes->dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, ret_fd, err);
}

int place_open_data(const Volumes *volumes, const char *name, int *ret_fd, Error *err) {
    autofree char *data = text_format("%s/" PLACE_DATA, name);
    return file_open(volumes->dir, data, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, ret_fd, err);
}

void places_sweep(Volumes *volumes) {
    Error err;
    DIR *stream;
    if (file_open_directory(volumes->dir, ".", &stream, &err) < 0)
        return;
    const struct dirent *entry;
    while ((entry = readdir(stream))) {
        const char *name = entry->d_name;
        if ((text_starts(name, ".new-") || text_starts(name, ".gone-")) &&
            file_remove_tree(volumes->dir, name, &err) < 0)
            log_warning("volumes: %s", err.message);
    }
    closedir(stream);
}
