// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "engine/container/health.h"
#include "engine/container/log_config.h"
#include "engine/container/mount/mount.h"
#include "engine/container/names.h"
#include "engine/container/private.h"
#include "engine/container/restart.h"
#include "engine/container/spec/spec.h"

enum {
    NAME_ATTEMPTS = 64
};

/* A copy of its own: the record outlives the image's. */
static OciImageConfig *config_copy(const OciImageConfig *config) {
    OciImageConfig *copy = new (OciImageConfig);
    autofree char *text = json_encode(&oci_image_config_type, config, 0);
    Error err = {};
    if (json_decode(&oci_image_config_type, text, strlen(text), copy, &err) < 0)
        abort(); /* we wrote it ourselves */
    return copy;
}

/* By its name: what the configuration says of it holds from start to start, as in Docker. */
static int runtime_settle(const Config *config, ContainerSettings *settings, Error *err) {
    ConfigRuntime ignored;
    TRY(config_runtime(config, settings->runtime, &ignored, err));
    char *name = text_copy(config_runtime_name(config, settings->runtime));
    free(settings->runtime);
    settings->runtime = name;
    return 0;
}

/* An image's own check is left out instead: nobody has asked for it. */
static int check_together(const Config *config, const ContainerRecord *record, Error *err) {
    const ContainerSettings *settings = record->settings;
    ConfigRuntime runtime;
    OciHealthcheck health;
    TRY(config_runtime(config, settings->runtime, &runtime, err));
    if (runtime.type && settings->health && settings->health->test.n &&
        health_of(record, &health) && !health_is_url(&health))
        return error_set(err, ERROR_UNSUPPORTED,
            "health checks by command need an OCI runtime, not the shim '%s': check by http, tcp "
            "or grpc",
            runtime.type);
    return 0;
}

static int record_build(
    Containers *containers, ContainerCreate *create, ContainerRecord **ret, Error *err) {
    TRY(restart_check(create->settings, err));
    TRY(runtime_settle(containers->with.config, create->settings, err));
    autoptr(ContainerRecord) record = container_record_new();
    autoptr(Image) image = NULL;
    char id[65];
    free(record->settings);
    record->settings = take_ptr(&create->settings);
    TRY(image_load(containers->with.images, record->settings->image, &image, err));
    TRY(image_unpack(containers->with.images, image, err));
    text_random_hex(id, 32);
    record->id = text_copy(id);
    record->created = (JsonInt){true, time_now()};
    record->image->id = text_copy(image->id);
    record->image->chain_id = text_copy(image->chain_id);
    free(record->image->config);
    record->image->config = config_copy(image->config.config);
    /* until its snapshot exists, a crash leaves something to be removed */
    record->state->status = CONTAINER_REMOVING;
    record->state->remove_volumes = (JsonBool){true, true};
    *ret = take_ptr(&record);
    return 0;
}

/* Not listed yet: it only holds the name. */
static int name_take(Containers *containers, const char *name, ContainerRecord *record,
    Container **ret, Error *err) {
    if (!text_is_empty(name)) {
        const char *bare = *name == '/' ? name + 1 : name;
        TRY(name_check(bare, err));
        record->name = text_copy(bare);
        return table_add(containers, record, false, ret, err);
    }
    int r = ERROR_EXISTS;
    for (unsigned attempt = 0; r == ERROR_EXISTS && attempt < NAME_ATTEMPTS; attempt++) {
        free(record->name);
        record->name = name_generate(attempt);
        r = table_add(containers, record, false, ret, err);
    }
    return r;
}

/* As Docker's; 0: none. */
static int size_limit(const ContainerSettings *settings, uint64_t *ret, Error *err) {
    const JsonMap *options = &settings->storage_options;
    *ret = 0;
    for (size_t i = 0; i < options->n; i++) {
        if (!text_equal(options->key[i], "size"))
            return error_set(
                err, ERROR_INVALID, "unknown option for --storage-opt: %s", options->key[i]);
        TRY(text_parse_size(options->value[i], "storage-opt size", ret, err));
        if (*ret == 0)
            return error_set(err, ERROR_INVALID, "storage-opt size: must not be 0");
    }
    return 0;
}

/* Programs look for it to find out where they are. It is no change of theirs, as it is empty
 * (spec_own_mounts). An image may have one. */
static int make_mark(Containers *containers, const char *id, Error *err) {
    autoclose int tree = -1, fd = -1;
    Error failure = {};
    TRY(snapshot_open_own_tree(containers->with.snapshots, id, &tree, err));
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
    int code = file_open(tree, CONTAINER_MARK, flags, 0755, &fd, &failure);
    if (code == 0 || code == ERROR_EXISTS)
        return 0;
    *err = failure;
    return code;
}

static int parts_make(Containers *containers, Container *container, Error *err) {
    ContainerRecord *record = container->record;
    uint64_t size;
    TRY(size_limit(record->settings, &size, err));
    autofree char *directory = container_path(containers, container->id, "");
    autofree char *text = container_record_encode(record);
    TRY(store_put(containers->with.store, STORE_CONTAINER, container->id, text, err));
    TRY(file_make_dirs(directory, 0700, err));
    TRY(snapshot_prepare(containers->with.snapshots, container->id, record->image->chain_id, err));
    if (size > 0 && snapshot_limit(containers->with.snapshots, container->id, size, err) < 0)
        return error_prefix(err, "storage-opt size");
    TRY(make_mark(containers, container->id, err));
    TRY(mounts_make(containers, record, err));
    ContainerRecord *created = container_record_copy(record);
    created->state->status = CONTAINER_CREATED;
    created->state->remove_volumes = (JsonBool){};
    return table_update(containers, container, created, err);
}

int container_create(
    Containers *containers, ContainerCreate *create, ContainerRecord **ret, Error *err) {
    autoptr(ContainerRecord) record = NULL;
    autoptr(Container) container = NULL;
    TRY(record_build(containers, create, &record, err));
    TRY(spec_check(record, err));
    TRY(mounts_complete(containers, record, err));
    TRY(health_check(record, err));
    TRY(check_together(containers->with.config, record, err));
    TRY(log_config_complete(containers->with.config, record, err));
    TRY(name_take(containers, create->name, record, &container, err));
    pthread_mutex_lock(&container->operation);
    int r = parts_make(containers, container, err);
    if (r < 0) {
        Error ignored = {};
        remove_finish(containers, container, true, &ignored);
    } else {
        table_show(containers, container);
    }
    pthread_mutex_unlock(&container->operation);
    if (r < 0)
        return r;
    *ret = table_record(containers, container);
    container_event(containers, *ret, "create");
    return 0;
}
