// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/memory.h"
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
    {"disk", JSON_UINT, JSON_AT(disk)},
    {"view", JSON_BOOL, JSON_AT(view)},
    {"created", JSON_INT, JSON_AT(created)},
    {"updated", JSON_INT, JSON_AT(updated)},
    {"labels", JSON_MAP, JSON_AT(labels)},
    {"boot", JSON_TEXT, JSON_AT(boot)},
    {},
};
const JsonType snapshot_record_type = {sizeof(T), record_fields};
#undef T

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

bool snapshot_has_children(const Snapshots *snapshots, const char *key) {
    for (size_t i = 0; i < snapshots->n; i++)
        if (text_equal(snapshots->record[i]->parent, key))
            return true;
    for (size_t i = 0; i < snapshots->making_n; i++)
        if (text_equal(snapshots->making[i]->parent, key))
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
        record->snapshotter = snapshotter_of(snapshots, record->key);
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
static int sweep_entries(Snapshots *snapshots, Snapshotter *snapshotter, DIR *stream, Error *err) {
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
            code = snapshotter_remove(snapshotter, number, err);
    }
    return code;
}

static int sweep_directories(Snapshots *snapshots, Error *err) {
    for (size_t i = 0; i < SNAPSHOT_DRIVERS; i++) {
        Snapshotter *snapshotter = &snapshots->snapshotter[i];
        if (snapshotter->dir < 0)
            continue;
        int fd = openat(snapshotter->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *stream = fd < 0 ? NULL : fdopendir(fd);
        if (!stream)
            return error_set_errno(err, errno, "cannot list '%s'", snapshotter->path);
        int code = sweep_entries(snapshots, snapshotter, stream, err);
        closedir(stream);
        TRY(code);
    }
    return 0;
}

static int shed_again(Snapshots *snapshots, Error *err) {
    for (size_t i = 0; i < snapshots->n; i++) {
        const SnapshotRecord *record = snapshots->record[i];
        const Snapshotter *snapshotter = record->snapshotter;
        const SnapshotStack stack = snapshotter_stack(snapshotter, &record->number.value, 1);
        if (snapshotter->driver->shed && snapshotter->dir >= 0 && !record->writable.value &&
            !record->view.value)
            TRY(snapshotter->driver->shed(&stack, err));
    }
    return 0;
}

int snapshots_open(
    const char *root, const char *driver, Store *store, Snapshots **ret, Error *err) {
    autoptr(Snapshots) snapshots = new (Snapshots);
    pthread_mutex_init(&snapshots->mutex, NULL);
    snapshots->store = store;
    snapshots->next = 1;
    TRY(snapshotters_open(snapshots, root, driver, err));
    TRY(settle_boot(&snapshots->boot, err));
    TRY(load_records(snapshots, err));
    TRY(settle_forget_lost(snapshots, err));
    TRY(sweep_directories(snapshots, err));
    TRY(shed_again(snapshots, err));
    TRY(trash_open(&snapshots->trash, err));
    TRY(settler_open(snapshots, &snapshots->settler, err));
    *ret = take_ptr(&snapshots);
    return 0;
}

/* Containers do not need the mounts that theirs were made of. */
static void close_record(SnapshotRecord *record) {
    const Snapshotter *snapshotter = record->snapshotter;
    const SnapshotStack stack = snapshotter_stack(snapshotter, &record->number.value, 1);
    Error ignored;
    if (snapshotter->driver->unmount && snapshotter->dir >= 0)
        snapshotter->driver->unmount(&stack, &ignored);
    snapshot_record_free(record);
}

void snapshots_close(Snapshots *snapshots) {
    if (!snapshots)
        return;
    settler_close(snapshots->settler);
    trash_close(snapshots->trash);
    for (size_t i = 0; i < snapshots->n; i++)
        close_record(snapshots->record[i]);
    free(snapshots->record);
    free(snapshots->making);
    free(snapshots->boot);
    snapshotters_close(snapshots);
    pthread_mutex_destroy(&snapshots->mutex);
    free(snapshots);
}
