// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "engine/snapshot/copy.h"
#include "engine/volume/private.h"

/* A fill that a kill cannot leave half done:
 *
 *     .tare-part    a copy under way           the next start, or the next fill, removes it
 *     .tare-fill    the same, and it is whole  its entries are moved up, then it goes
 *
 * A container that shares the volume may have things of these names there: then it moves and
 * removes what is its own anyway. Names are taken by descriptors, and nothing is followed. */
#define PART ".tare-part"
#define WHOLE ".tare-fill"

static bool is_ours(const char *name) {
    return text_equal(name, PART) || text_equal(name, WHOLE);
}

static DIR *list(int fd, Error *err) {
    int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = copy < 0 ? NULL : fdopendir(copy);
    if (!stream)
        error_set_errno(err, errno, "cannot list a volume");
    return stream;
}

static const char *next_name(DIR *stream) {
    const struct dirent *entry;
    while ((entry = readdir(stream)))
        if (!text_equal(entry->d_name, ".") && !text_equal(entry->d_name, ".."))
            return entry->d_name;
    return NULL;
}

/* What file systems put into their root by themselves does not count. */
bool fill_is_empty(int data) {
    Error ignored;
    DIR *stream = list(data, &ignored);
    bool empty = stream != NULL;
    const char *name;
    while (empty && (name = next_name(stream)))
        empty = is_ours(name) || text_equal(name, "lost+found");
    if (stream)
        closedir(stream);
    return empty;
}

/* What is there meanwhile is somebody's, and stays. */
static int move_entry(int from, const char *name, int to, Error *err) {
    if (renameat2(from, name, to, name, RENAME_NOREPLACE) == 0 || errno == EEXIST)
        return 0;
    return error_set_errno(err, errno, "cannot move '%s' into the volume", name);
}

/* Entries are read anew after each pass: a directory that changes may be read twice. */
static int move_entries(int from, int to, Error *err) {
    DIR *stream = list(from, err);
    if (!stream)
        return err->code;
    const char *name;
    int code = 0;
    while (code == 0 && (name = next_name(stream)))
        code = move_entry(from, name, to, err);
    closedir(stream);
    return code;
}

static int take_attributes(int from, int data, Error *err) {
    struct stat status;
    if (fstat(from, &status) < 0)
        return error_set_errno(err, errno, "cannot read a volume's first content");
    return copy_attributes(from, data, ".", &status, err);
}

int fill_finish(int place, int data, Error *err) {
    autoclose int whole = -1;
    Error absent;
    TRY(file_remove_tree(place, PART, err));
    if (file_open(place, WHOLE, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, &whole, &absent) < 0)
        return 0;
    TRY(move_entries(whole, data, err));
    TRY(take_attributes(whole, data, err));
    return file_remove_tree(place, WHOLE, err);
}

int fill_tree(int place, int data, int from, Error *err) {
    autoclose int part = -1;
    if (mkdirat(place, PART, 0700) < 0)
        return error_set_errno(err, errno, "cannot copy into the volume");
    TRY(file_open(place, PART, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, &part, err));
    int r = copy_tree(from, part, err);
    Error ignored;
    if (r < 0) {
        file_remove_tree(place, PART, &ignored);
        return r;
    }
    if (renameat(place, PART, place, WHOLE) < 0)
        return error_set_errno(err, errno, "cannot copy into the volume");
    return fill_finish(place, data, err);
}
