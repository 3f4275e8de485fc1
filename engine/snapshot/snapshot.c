// SPDX-License-Identifier: Apache-2.0
#include "engine/snapshot/snapshot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/text.h"
#include "engine/snapshot/private.h"

typedef SnapshotRecord Record;

#define T Record
static const JsonField record_fields[] = {
    {"number", JSON_UINT, JSON_AT(number), .flags = JSON_REQUIRED},
    {"parent", JSON_TEXT, JSON_AT(parent)},
    {"writable", JSON_BOOL, JSON_AT(writable), .flags = JSON_ALWAYS},
    {"bytes", JSON_UINT, JSON_AT(bytes)},
    {"inodes", JSON_UINT, JSON_AT(inodes)},
    {"view", JSON_BOOL, JSON_AT(view)},
    {"created", JSON_INT, JSON_AT(created)},
    {"updated", JSON_INT, JSON_AT(updated)},
    {"labels", JSON_MAP, JSON_AT(labels)},
    {"boot", JSON_TEXT, JSON_AT(boot)},
    {},
};
const JsonType snapshot_record_type = {sizeof(T), record_fields};
#undef T

static const SnapshotDriver *const drivers[] = {&snapshot_overlay};

void snapshot_record_free(Record *record) {
    free(record->key);
    json_done(&snapshot_record_type, record);
    free(record);
}
CLEANUP_DEFINE(Record, snapshot_record_free)

Record *snapshot_find(const Snapshots *snapshots, const char *key) {
    for (size_t i = 0; i < snapshots->n; i++)
        if (text_equal(snapshots->record[i]->key, key))
            return snapshots->record[i];
    return NULL;
}

static bool has_children(const Snapshots *snapshots, const char *key) {
    for (size_t i = 0; i < snapshots->n; i++)
        if (text_equal(snapshots->record[i]->parent, key))
            return true;
    return false;
}

static int load_records(Snapshots *snapshots, Error *err) {
    autodone(StoreRecords) stored = {};
    TRY(store_list(snapshots->store, STORE_SNAPSHOT, &stored, err));
    for (size_t i = 0; i < stored.n; i++) {
        autoptr(Record) record = new (Record);
        const StoreRecord *row = &stored.item[i];
        if (json_decode(&snapshot_record_type, row->value, strlen(row->value), record, err) < 0)
            return error_prefix(err, "record of snapshot %s", row->key);
        record->key = text_copy(row->key);
        if (record->number.value >= snapshots->next)
            snapshots->next = record->number.value + 1;
        array_append(snapshots->record, snapshots->n, take_ptr(&record));
    }
    return 0;
}

static bool has_number(const Snapshots *snapshots, uint64_t number) {
    for (size_t i = 0; i < snapshots->n; i++)
        if (snapshots->record[i]->number.value == number)
            return true;
    return false;
}

/* Directories that no record names: what a killed engine was making or removing. */
static int sweep_directories(Snapshots *snapshots, Error *err) {
    int fd = openat(snapshots->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);
    if (!stream)
        return error_set_errno(err, errno, "cannot list '%s'", snapshots->path);
    const struct dirent *entry;
    int code = 0;
    while (code == 0 && (entry = readdir(stream))) {
        uint64_t number;
        Error ignored;
        if (text_parse_uint(entry->d_name, "", &number, &ignored) < 0)
            continue;
        if (number >= snapshots->next)
            snapshots->next = number + 1;
        if (!has_number(snapshots, number))
            code = file_remove_tree(snapshots->dir, entry->d_name, err);
    }
    closedir(stream);
    return code;
}

static int find_driver(const char *name, const SnapshotDriver **ret, Error *err) {
    for (size_t i = 0; i < array_size(drivers); i++)
        if (text_equal(drivers[i]->name, name)) {
            *ret = drivers[i];
            return 0;
        }
    return error_set(err, ERROR_INVALID, "unknown storage driver: %s", name);
}

int snapshots_open(
    const char *root, const char *driver, Store *store, Snapshots **ret, Error *err) {
    autoptr(Snapshots) snapshots = new (Snapshots);
    pthread_mutex_init(&snapshots->mutex, NULL);
    snapshots->store = store;
    snapshots->dir = -1;
    snapshots->next = 1;
    TRY(find_driver(driver, &snapshots->driver, err));
    autofree char *base = path_join(root, "snapshots");
    autofree char *path = path_join(base, driver);
    snapshots->path = path_absolute(path);
    TRY(file_make_dirs(base, 0700, err));
    TRY(file_make_dirs(path, 0700, err));
    TRY(file_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0, &snapshots->dir, err));
    TRY(snapshots->driver->set_up(snapshots->path, snapshots->dir, err));
    TRY(settle_boot(&snapshots->boot, err));
    TRY(load_records(snapshots, err));
    TRY(settle_forget_lost(snapshots, err));
    TRY(sweep_directories(snapshots, err));
    TRY(trash_open(snapshots->dir, &snapshots->trash, err));
    TRY(settler_open(snapshots, &snapshots->settler, err));
    *ret = take_ptr(&snapshots);
    return 0;
}

void snapshots_close(Snapshots *snapshots) {
    if (!snapshots)
        return;
    settler_close(snapshots->settler);
    trash_close(snapshots->trash);
    for (size_t i = 0; i < snapshots->n; i++)
        snapshot_record_free(snapshots->record[i]);
    free(snapshots->record);
    free(snapshots->boot);
    if (snapshots->dir >= 0)
        close(snapshots->dir);
    pthread_mutex_destroy(&snapshots->mutex);
    free(snapshots->path);
    free(snapshots);
}

bool snapshot_exists(Snapshots *snapshots, const char *key) {
    pthread_mutex_lock(&snapshots->mutex);
    bool exists = snapshot_find(snapshots, key);
    pthread_mutex_unlock(&snapshots->mutex);
    return exists;
}

/* With the mutex held. Takes the record, whatever happens. */
static int add_record(Snapshots *snapshots, Record *given, Error *err) {
    autoptr(Record) record = given;
    autofree char *json = json_encode(&snapshot_record_type, record, 0);
    TRY(store_put(snapshots->store, STORE_SNAPSHOT, record->key, json, err));
    array_append(snapshots->record, snapshots->n, take_ptr(&record));
    return 0;
}

static uint64_t take_number(Snapshots *snapshots) {
    pthread_mutex_lock(&snapshots->mutex);
    uint64_t number = snapshots->next++;
    pthread_mutex_unlock(&snapshots->mutex);
    return number;
}

static int remove_directory(Snapshots *snapshots, uint64_t number, Error *err) {
    char name[24];
    snprintf(name, sizeof(name), "%" PRIu64, number);
    return file_remove_tree(snapshots->dir, name, err);
}

int snapshot_layer_begin(Snapshots *snapshots, SnapshotLayer *ret, Error *err) {
    uint64_t number = take_number(snapshots);
    SnapshotStack stack = {snapshots->path, snapshots->dir, &number, 1, false};
    int fd;
    int code = snapshots->driver->prepare(&stack, &fd, err);
    if (code < 0) {
        Error ignored;
        remove_directory(snapshots, number, &ignored);
        return code;
    }
    *ret = (SnapshotLayer){number, fd};
    return 0;
}

void snapshot_layer_abandon(Snapshots *snapshots, SnapshotLayer *layer) {
    Error ignored; /* what stays is swept at the next start */
    if (layer->fd < 0)
        return;
    close(take_fd(&layer->fd));
    remove_directory(snapshots, layer->number, &ignored);
}

static int commit_locked(Snapshots *snapshots, const SnapshotLayer *layer, const char *chain_id,
    const char *parent, SnapshotUsage usage, Error *err) {
    if (parent && !snapshot_find(snapshots, parent))
        return error_set(err, ERROR_NOT_FOUND, "no such layer: %s", parent);
    Record *record = new (Record);
    *record = (Record){
        .number = {true, layer->number},
        .parent = text_copy(parent),
        .bytes = {true, usage.bytes},
        .inodes = {true, usage.inodes},
        .boot = text_copy(snapshots->boot),
        .key = text_copy(chain_id),
    };
    return add_record(snapshots, record, err);
}

int snapshot_layer_commit(Snapshots *snapshots, SnapshotLayer *layer, const char *chain_id,
    const char *parent, SnapshotUsage usage, Error *err) {
    pthread_mutex_lock(&snapshots->mutex);
    bool known = snapshot_find(snapshots, chain_id);
    int code = known ? 0 : commit_locked(snapshots, layer, chain_id, parent, usage, err);
    pthread_mutex_unlock(&snapshots->mutex);
    if (code < 0 || known) {
        snapshot_layer_abandon(snapshots, layer);
    } else {
        close(take_fd(&layer->fd));
        settler_wake(snapshots->settler);
    }
    return code;
}

/* With the mutex held. Numbers of key and its ancestors; *ret is the caller's. */
static int list_stack(
    Snapshots *snapshots, const char *key, uint64_t **ret, size_t *ret_n, Error *err) {
    autofree uint64_t *number = NULL;
    size_t n = 0;
    for (const char *at = key; at; n++) {
        const Record *record = snapshot_find(snapshots, at);
        if (!record)
            return error_set(err, ERROR_NOT_FOUND, "no such snapshot: %s", at);
        number = memory_resize(number, n + 1, sizeof(*number));
        number[n] = record->number.value;
        at = record->parent;
    }
    *ret = take_ptr(&number);
    *ret_n = n;
    return 0;
}

int snapshot_open_trees(
    Snapshots *snapshots, const char *chain_id, int **ret_fds, size_t *ret_n, Error *err) {
    autofree uint64_t *number = NULL;
    size_t n = 0;
    pthread_mutex_lock(&snapshots->mutex);
    int code = list_stack(snapshots, chain_id, &number, &n, err);
    pthread_mutex_unlock(&snapshots->mutex);
    TRY(code);
    int *fds = new_array(int, n);
    for (size_t i = 0; i < n; i++) {
        code = snapshots->driver->open_tree(snapshots->dir, number[i], &fds[i], err);
        if (code < 0) {
            while (i > 0)
                close(fds[--i]);
            free(fds);
            return code;
        }
    }
    *ret_fds = fds;
    *ret_n = n;
    return 0;
}

static Record *make_record(const char *key, uint64_t number, const Record *like) {
    Record *record = new (Record);
    *record = (Record){
        .number = {true, number},
        .parent = text_copy(like->parent),
        .writable = like->writable,
        .view = like->view,
        .created = like->created,
        .updated = like->updated,
        .key = text_copy(key),
    };
    for (size_t i = 0; i < like->labels.n; i++)
        json_map_set(&record->labels, like->labels.key[i], like->labels.value[i]);
    return record;
}

/* With the mutex held: a removal of the parent waits until the record stands on it. What happens to
 * the disk meanwhile is two or three mkdir(2). */
int snapshot_add(Snapshots *snapshots, const char *key, const Record *like, Error *err) {
    autofree uint64_t *parents = NULL;
    size_t n = 0;
    if (snapshot_find(snapshots, key))
        return error_set(err, ERROR_EXISTS, "snapshot %s: already exists", key);
    if (like->parent)
        TRY(list_stack(snapshots, like->parent, &parents, &n, err));
    autofree uint64_t *number = new_array(uint64_t, n + 1);
    if (n > 0)
        memcpy(number + 1, parents, n * sizeof(*number));
    number[0] = snapshots->next++;
    SnapshotStack stack = {snapshots->path, snapshots->dir, number, n + 1, like->writable.value};
    autoclose int fd = -1;
    TRY(snapshots->driver->prepare(&stack, &fd, err));
    return add_record(snapshots, make_record(key, number[0], like), err);
}

int snapshot_prepare(Snapshots *snapshots, const char *key, const char *parent, Error *err) {
    pthread_mutex_lock(&snapshots->mutex);
    const Record like = {.parent = (char *)(uintptr_t)parent, .writable = {true, true}};
    int code = snapshot_add(snapshots, key, &like, err);
    pthread_mutex_unlock(&snapshots->mutex);
    return code;
}

int snapshot_mounts(Snapshots *snapshots, const char *key, SnapshotMount *ret, Error *err) {
    autofree uint64_t *number = NULL;
    size_t n = 0;
    pthread_mutex_lock(&snapshots->mutex);
    const Record *record = snapshot_find(snapshots, key);
    bool writable = record && record->writable.value;
    size_t own = record && record->view.value && record->parent; /* a view shows its parent */
    int code = list_stack(snapshots, key, &number, &n, err);
    pthread_mutex_unlock(&snapshots->mutex);
    TRY(code);
    SnapshotStack stack = {snapshots->path, snapshots->dir, number + own, n - own, writable};
    *ret = (SnapshotMount){};
    return snapshots->driver->mount(&stack, ret, err);
}

void snapshot_mount_done(SnapshotMount *mount) {
    free(mount->type);
    free(mount->source);
    json_texts_done(&mount->options);
    *mount = (SnapshotMount){};
}

/* With the mutex held. First the record: from then on the directory is garbage. */
static int drop_record(Snapshots *snapshots, const char *key, uint64_t *ret_number, Error *err) {
    TRY(store_remove(snapshots->store, STORE_SNAPSHOT, key, err));
    for (size_t i = 0; i < snapshots->n; i++)
        if (text_equal(snapshots->record[i]->key, key)) {
            *ret_number = snapshots->record[i]->number.value;
            snapshot_record_free(snapshots->record[i]);
            /* order matters to nobody */
            snapshots->record[i] = snapshots->record[--snapshots->n];
            break;
        }
    return 0;
}

int snapshot_remove(Snapshots *snapshots, const char *key, Error *err) {
    uint64_t number = 0;
    int code = 0;
    pthread_mutex_lock(&snapshots->mutex);
    const Record *record = snapshot_find(snapshots, key);
    bool writable = record && record->writable.value;
    if (record)
        code = has_children(snapshots, key)
                   ? error_set(err, ERROR_STATE, "snapshot %s is in use", key)
                   : drop_record(snapshots, key, &number, err);
    pthread_mutex_unlock(&snapshots->mutex);
    TRY(code);
    if (number && writable)
        trash_add(snapshots->trash, number);
    return number && !writable ? remove_directory(snapshots, number, err) : 0;
}

int snapshot_usage(Snapshots *snapshots, const char *key, SnapshotUsage *ret, Error *err) {
    pthread_mutex_lock(&snapshots->mutex);
    const Record *record = snapshot_find(snapshots, key);
    bool writable = record && record->writable.value;
    uint64_t number = record ? record->number.value : 0;
    SnapshotUsage usage = {};
    if (record)
        usage = (SnapshotUsage){record->bytes.value, record->inodes.value};
    pthread_mutex_unlock(&snapshots->mutex);
    if (number == 0)
        return error_set(err, ERROR_NOT_FOUND, "no such snapshot: %s", key);
    if (writable) {
        autoclose int tree = -1;
        TRY(snapshots->driver->open_tree(snapshots->dir, number, &tree, err));
        return snapshot_tree_usage(tree, ret, err);
    }
    *ret = usage;
    return 0;
}

int snapshot_chain_usage(
    Snapshots *snapshots, const char *chain_id, SnapshotUsage *ret, Error *err) {
    SnapshotUsage usage = {};
    int code = 0;
    pthread_mutex_lock(&snapshots->mutex);
    for (const char *at = chain_id; at && code == 0;) {
        const Record *record = snapshot_find(snapshots, at);
        if (!record) {
            code = error_set(err, ERROR_NOT_FOUND, "no such snapshot: %s", at);
            break;
        }
        usage.bytes += record->bytes.value;
        usage.inodes += record->inodes.value;
        at = record->parent;
    }
    pthread_mutex_unlock(&snapshots->mutex);
    if (code == 0)
        *ret = usage;
    return code;
}

/* With the mutex held: one layer that nothing stands on and nobody wants. */
static char *find_garbage(const Snapshots *snapshots, SnapshotKeep *keep, void *user) {
    for (size_t i = 0; i < snapshots->n; i++) {
        const Record *record = snapshots->record[i];
        if (!record->writable.value && !record->view.value &&
            !has_children(snapshots, record->key) && !keep(user, record->key))
            return text_copy(record->key);
    }
    return NULL;
}

int snapshot_sweep(
    Snapshots *snapshots, SnapshotKeep *keep, void *user, JsonTexts *removed, Error *err) {
    for (;;) {
        uint64_t number = 0;
        pthread_mutex_lock(&snapshots->mutex);
        autofree char *key = find_garbage(snapshots, keep, user);
        int code = key ? drop_record(snapshots, key, &number, err) : 0;
        pthread_mutex_unlock(&snapshots->mutex);
        TRY(code);
        if (!key)
            return 0;
        TRY(remove_directory(snapshots, number, err));
        if (removed)
            json_texts_add(removed, key);
    }
}
