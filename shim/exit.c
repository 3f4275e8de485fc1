// SPDX-License-Identifier: Apache-2.0
#include "shim/exit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/json.h"
#include "base/path.h"
#include "base/text.h"
#include "base/time.h"

typedef struct VictimText {
    JsonUint kills, peak, limit, pid, usage;
    char *exec;
} VictimText;
#define T VictimText
static const JsonField victim_fields[] = {
    {"kills", JSON_UINT, JSON_AT(kills)},
    {"peak", JSON_UINT, JSON_AT(peak)},
    {"limit", JSON_UINT, JSON_AT(limit)},
    {"pid", JSON_UINT, JSON_AT(pid)},
    {"exec", JSON_TEXT, JSON_AT(exec)},
    {"usage", JSON_UINT, JSON_AT(usage)},
    {},
};
static const JsonType victim_type = {sizeof(T), victim_fields};
#undef T

typedef struct RecordText {
    JsonInt status;
    char *at;
    JsonBool oom_killed, orphaned;
    VictimText *oom;
} RecordText;
#define T RecordText
static const JsonField record_fields[] = {
    {"exitStatus", JSON_INT, JSON_AT(status), .flags = JSON_REQUIRED},
    {"exitedAt", JSON_TEXT, JSON_AT(at), .flags = JSON_REQUIRED},
    {"oomKilled", JSON_BOOL, JSON_AT(oom_killed), .flags = JSON_ALWAYS},
    {"orphaned", JSON_BOOL, JSON_AT(orphaned)},
    {"oom", JSON_OBJECT, JSON_AT(oom), &victim_type},
    {},
};
static const JsonType record_type = {sizeof(T), record_fields};
#undef T

enum {
    RECORD_MAX = 4096
};

int exit_record_load(const char *path, ExitRecord *ret, Error *err) {
    autodone(Text) text = {};
    RecordText record = {};
    int64_t at = 0;
    TRY(file_read(AT_FDCWD, path, RECORD_MAX, &text, err));
    int r = json_decode(&record_type, text.data, text.length, &record, err);
    if (r >= 0)
        r = time_parse(record.at, &at, err);
    if (r >= 0)
        *ret = (ExitRecord){.status = (int)record.status.value,
            .at = at,
            .oom_killed = record.oom_killed.value,
            .orphaned = record.orphaned.value};
    json_done(&record_type, &record);
    return r < 0 ? error_prefix(err, "exit record '%s'", path) : 0;
}

static int link_record(
    int directory, int fd, const char *source, const char *name, const char *text, Error *err) {
    TRY(fd_write_all(fd, text, strlen(text), err));
    if (fsync(fd) < 0)
        return error_set_errno(err, errno, "cannot make it durable");
    if (linkat(directory, source, directory, name, AT_SYMLINK_FOLLOW) < 0)
        return error_set_errno(err, errno, "cannot link it into place");
    return fsync(directory) < 0 ? error_set_errno(err, errno, "cannot make its name durable") : 0;
}

/* Without a name of its own the file leaves nothing when we are killed. Not every file system has
 * that (overlay only from Linux 6.1 on). */
static int make_record(int directory, const char *name, const char *text, Error *err) {
    char through[FD_PATH_SIZE];
    autoclose int fd = -1;
    if (file_open(directory, ".", O_WRONLY | O_TMPFILE, 0644, &fd, err) >= 0)
        return link_record(directory, fd, fd_path(fd, through), name, text, err);
    autofree char *temporary = text_format(".%s.%d", name, (int)getpid());
    TRY(file_remove(directory, temporary, err));
    TRY(file_open(directory, temporary, O_WRONLY | O_CREAT | O_EXCL, 0644, &fd, err));
    int r = link_record(directory, fd, temporary, name, text, err);
    unlinkat(directory, temporary, 0);
    return r;
}

static JsonUint known(uint64_t value) {
    return (JsonUint){value > 0, value};
}

static VictimText describe(const OomRecord *oom) {
    return (VictimText){.kills = known(oom->kills),
        .peak = known(oom->peak),
        .limit = known(oom->limit),
        .pid = known((uint64_t)oom->pid),
        .exec = *oom->exec ? (char *)oom->exec : NULL,
        .usage = known(oom->usage)};
}

int exit_record_save(const char *path, const ExitRecord *record, Error *err) {
    char when[TIME_TEXT_SIZE];
    VictimText oom = record->oom ? describe(record->oom) : (VictimText){};
    const RecordText fields = {.status = {true, record->status},
        .at = (char *)time_format(record->at, when),
        .oom_killed = {true, record->oom_killed},
        .orphaned = {record->orphaned, record->orphaned},
        .oom = oom.kills.set ? &oom : NULL};
    autofree char *text = json_encode(&record_type, &fields, 0);
    autofree char *parent = path_parent(path);
    autoclose int directory = -1;
    int r = file_open(AT_FDCWD, parent, O_RDONLY | O_DIRECTORY, 0, &directory, err);
    if (r >= 0)
        r = make_record(directory, path_name(path), text, err);
    return r < 0 ? error_prefix(err, "exit record '%s'", path) : 0;
}
