// SPDX-License-Identifier: Apache-2.0
#include "shim/group.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/text.h"
#include "base/time.h"
#include "proto/tare/shim/v1/shim.pb-c.h"
#include "ttrpc/client.h"

enum {
    SPEC_MAX = 4 << 20,
    NAME_MAX_BYTES = 128
};

static const int64_t join_timeout = 10 * TIME_SECOND;

/* The first that is there counts; containerd's own shim knows the same two. */
static const char *const annotations[] = {
    "io.containerd.runc.v2.group", "io.kubernetes.cri.sandbox-id"};

typedef struct Spec {
    JsonMap annotations;
} Spec;
#define T Spec
static const JsonField spec_fields[] = {{"annotations", JSON_MAP, JSON_AT(annotations)}, {}};
static const JsonType spec_type = {sizeof(T), spec_fields};
#undef T

/* NULL: none. */
static int read_name(char **ret, Error *err) {
    autodone(Text) text = {};
    Spec spec = {};
    int r = file_read(AT_FDCWD, "config.json", SPEC_MAX, &text, err);
    if (r == ERROR_NOT_FOUND) /* Create will miss it */
        return 0;
    TRY(r);
    if (json_decode(&spec_type, text.data, text.length, &spec, err) < 0)
        return error_prefix(err, "'config.json'");
    for (size_t i = 0; i < array_size(annotations) && !*ret; i++)
        *ret = text_copy(json_map_find(&spec.annotations, annotations[i]));
    json_done(&spec_type, &spec);
    return 0;
}

/* It becomes a part of a file's name, which '/' would end. */
static int check_name(const char *name, Error *err) {
    size_t n = strlen(name);
    if (n == 0 || n > NAME_MAX_BYTES || strchr(name, '/'))
        return error_set(err, ERROR_INVALID, "'%.140s' is not a valid name of a group", name);
    return 0;
}

static int lock_directory(const char *path, int *ret_fd, Error *err) {
    autoclose int fd = -1;
    TRY(file_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0, &fd, err));
    while (flock(fd, LOCK_EX) < 0)
        if (errno != EINTR)
            return error_set_errno(err, errno, "cannot lock '%s'", path);
    *ret_fd = take_fd(&fd);
    return 0;
}

int group_open(Group *group, const char *directory, Error *err) {
    autofree char *name = NULL;
    struct stat bundles;
    TRY(read_name(&name, err));
    if (!name)
        return 0;
    TRY(check_name(name, err));
    if (stat("..", &bundles) < 0)
        return error_set_errno(err, errno, "cannot look at the directory of the bundle");
    TRY(lock_directory(directory, &group->lock, err));
    group->link = text_format("%s/%x.%x-%llx.%s", directory, major(bundles.st_dev),
        minor(bundles.st_dev), (unsigned long long)bundles.st_ino, name);
    return 0;
}

void group_done(Group *group) {
    if (group->lock >= 0)
        close(group->lock);
    free(group->link);
    *group = (Group)GROUP_NULL;
}

static int ask(const char *socket, Error *err) {
    autoptr(TtrpcClient) client = NULL;
    const Tare__Shim__V1__JoinRequest request = TARE__SHIM__V1__JOIN_REQUEST__INIT;
    TRY(ttrpc_client_connect(socket, &client, err));
    return ttrpc_call(
        client, &tare__shim__v1__shim__descriptor, "Join", &request.base, join_timeout, NULL, err);
}

char *group_join(const Group *group) {
    Error ignored;
    char *socket = file_follow(group->lock, "", path_name(group->link));
    if (socket && ask(socket, &ignored) < 0)
        free(take_ptr(&socket));
    return socket;
}

int group_point(const Group *group, const char *socket, Error *err) {
    const char *name = path_name(group->link);
    TRY(file_remove(group->lock, name, err));
    if (symlinkat(socket, group->lock, name) < 0)
        return error_set_errno(err, errno, "cannot make '%s'", group->link);
    return 0;
}

void group_forget(const char *link, const char *socket) {
    Error ignored;
    autofree char *directory = path_parent(link);
    autoclose int lock = -1;
    if (lock_directory(directory, &lock, &ignored) < 0)
        return;
    autofree char *found = file_follow(lock, "", path_name(link));
    if (found && text_equal(found, socket))
        file_remove(lock, path_name(link), &ignored);
}
