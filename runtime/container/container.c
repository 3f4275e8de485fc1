// SPDX-License-Identifier: Apache-2.0
#include "runtime/container/container.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/process.h"
#include "base/time.h"
#include "runtime/container/config.h"

enum {
    RECORD_MAX = 1 << 20,
    ID_LENGTH_MAX = 1024
};

#define T ContainerRecord
static const JsonField record_fields[] = {
    {"ociVersion", JSON_TEXT, JSON_AT(oci_version), .flags = JSON_ALWAYS},
    {"id", JSON_TEXT, JSON_AT(id), .flags = JSON_REQUIRED},
    {"pid", JSON_INT, JSON_AT(pid), .flags = JSON_ALWAYS},
    {"processStartTime", JSON_UINT, JSON_AT(start_time)},
    {"bundle", JSON_TEXT, JSON_AT(bundle), .flags = JSON_REQUIRED},
    {"rootfs", JSON_TEXT, JSON_AT(rootfs), .flags = JSON_ALWAYS},
    {"created", JSON_TEXT, JSON_AT(created), .flags = JSON_REQUIRED},
    {"annotations", JSON_MAP, JSON_AT(annotations)},
    {"cgroupPaths", JSON_MAP, JSON_AT(cgroup_paths)},
    {"ownPidNamespace", JSON_BOOL, JSON_AT(own_pid_namespace)},
    {"systemdUnit", JSON_TEXT, JSON_AT(systemd_unit)},
    {"systemdUser", JSON_BOOL, JSON_AT(systemd_user)},
    {"descriptors", JSON_TEXTS, JSON_AT(descriptors)},
    {"resctrl", JSON_TEXT, JSON_AT(resctrl)},
    {},
};
const JsonType container_record_type = {sizeof(T), record_fields};
#undef T

static const char *const status_names[] = {
    [CONTAINER_CREATING] = "creating",
    [CONTAINER_CREATED] = "created",
    [CONTAINER_RUNNING] = "running",
    [CONTAINER_PAUSED] = "paused",
    [CONTAINER_STOPPED] = "stopped",
};
_Static_assert(array_size(status_names) == CONTAINER_STATUS_COUNT, "a name for each status");

static int check_id(const char *id, Error *err) {
    size_t n = strlen(id);
    bool fine = n > 0 && n <= ID_LENGTH_MAX && strcmp(id, ".") != 0 && strcmp(id, "..") != 0;
    for (size_t i = 0; fine && i < n; i++)
        fine = isalnum((unsigned char)id[i]) || strchr("_+-.", id[i]);
    return fine ? 0 : error_set(err, ERROR_INVALID, "invalid container ID format: '%s'", id);
}

static void init(Container *container, const char *root, const char *id) {
    *container = (Container){.id = text_copy(id), .root = text_copy(root), .dir = -1};
}

int container_make(Container *container, const char *root, const char *id, Error *err) {
    *container = (Container){.dir = -1};
    TRY(check_id(id, err));
    init(container, root, id);
    autoclose int parent = -1;
    if (file_open(AT_FDCWD, root, O_RDONLY | O_DIRECTORY, 0, &parent, err) < 0) {
        TRY(file_make_dirs(root, 0700, err));
        TRY(file_open(AT_FDCWD, root, O_RDONLY | O_DIRECTORY, 0, &parent, err));
    }
    if (mkdirat(parent, id, 0700) < 0) {
        if (errno == EEXIST)
            return error_set(err, ERROR_EXISTS, "container with given ID already exists: '%s'", id);
        return error_set_errno(err, errno, "cannot make '%s/%s'", root, id);
    }
    return file_open(parent, id, O_RDONLY | O_DIRECTORY, 0, &container->dir, err);
}

int container_load(Container *container, const char *root, const char *id, Error *err) {
    autodone(Text) text = {};
    *container = (Container){.dir = -1};
    TRY(check_id(id, err));
    init(container, root, id);
    autofree char *path = path_join(root, id);
    int r = file_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0, &container->dir, err);
    if (r == ERROR_NOT_FOUND)
        return error_set(err, r, "container does not exist: '%s'", id);
    TRY(r);
    r = file_read(container->dir, "state.json", RECORD_MAX, &text, err);
    if (r >= 0)
        r = json_decode(&container_record_type, text.data, text.length, &container->record, err);
    return r < 0 ? error_set(err, ERROR_CORRUPT, "container '%s' was left half made", id) : 0;
}

static void describe_streams(JsonTexts *ret) {
    struct stat st;
    for (int fd = 0; fd < 3; fd++) {
        bool pipe = fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode);
        autofree char *name =
            pipe ? text_format("pipe:[%llu]", (unsigned long long)st.st_ino) : text_copy("");
        json_texts_add(ret, name);
    }
}

void container_describe(Container *container, const ContainerOrigin *origin) {
    ContainerRecord *record = &container->record;
    const OciSpec *spec = origin->spec;
    char now[TIME_TEXT_SIZE];
    record->oci_version = text_copy(spec->oci_version);
    record->id = text_copy(container->id);
    record->bundle = text_copy(origin->bundle);
    record->rootfs = path_is_absolute(spec->root->path)
                         ? text_copy(spec->root->path)
                         : path_join(origin->bundle, spec->root->path);
    record->created = text_copy(time_format(time_now(), now));
    record->own_pid_namespace = (JsonBool){true, origin->own_pid_namespace};
    for (size_t i = 0; i < spec->annotations.n; i++)
        json_map_set(&record->annotations, spec->annotations.key[i], spec->annotations.value[i]);
    cgroup_save(origin->cgroup, &record->cgroup_paths);
    record->systemd_unit = text_copy(origin->cgroup->unit);
    record->systemd_user = (JsonBool){origin->cgroup->user, origin->cgroup->user};
    if (!spec->process->terminal.value)
        describe_streams(&record->descriptors);
}

int container_save(Container *container, Error *err) {
    autofree char *text = json_encode(&container_record_type, &container->record, 0);
    return file_write(container->dir, "state.json", text, strlen(text), 0600, false, err);
}

int container_load_config(const Container *container, OciSpec *ret, Error *err) {
    return config_load_at(container->dir, "config.json", ret, err);
}

void container_load_cgroup(const Container *container, Cgroup *ret) {
    cgroup_load(ret, &container->record.cgroup_paths);
    ret->unit = text_copy(container->record.systemd_unit);
    ret->user = container->record.systemd_user.value;
}

char *container_path(const Container *container, const char *name) {
    return text_format("%s/%s/%s", container->root, container->id, name);
}

bool container_is_alive(const Container *container) {
    const ContainerRecord *record = &container->record;
    return process_is_alive((pid_t)record->pid.value, record->start_time.value);
}

ContainerStatus container_status(const Container *container) {
    if (!container->record.pid.value)
        return CONTAINER_CREATING;
    if (!container_is_alive(container))
        return CONTAINER_STOPPED;
    Cgroup cgroup;
    container_load_cgroup(container, &cgroup);
    bool frozen = cgroup_is_frozen(&cgroup);
    cgroup_done(&cgroup);
    if (frozen)
        return CONTAINER_PAUSED;
    return file_exists(container->dir, CONTAINER_START_SOCKET) ? CONTAINER_CREATED
                                                               : CONTAINER_RUNNING;
}

const char *container_status_name(ContainerStatus status) {
    return status_names[status];
}

OciState container_state(const Container *container, ContainerStatus status, int pid) {
    const ContainerRecord *record = &container->record;
    return (OciState){.oci_version = record->oci_version,
        .id = record->id,
        .status = (char *)(uintptr_t)status_names[status],
        .pid = {pid > 0, pid},
        .bundle = record->bundle,
        .annotations = record->annotations};
}

int container_forget(Container *container, Error *err) {
    autoclose int root = -1;
    TRY(file_open(AT_FDCWD, container->root, O_RDONLY | O_DIRECTORY, 0, &root, err));
    return file_remove_tree(root, container->id, err);
}

void container_done(Container *container) {
    json_done(&container_record_type, &container->record);
    free(container->id);
    free(container->root);
    if (container->dir >= 0)
        close(container->dir);
    *container = (Container){.dir = -1};
}
