// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/process.h"
#include "base/text.h"
#include "base/time.h"
#include "engine/container/mount/mount.h"
#include "engine/container/private.h"
#include "proto/containerd/events/task.pb-c.h"

#define LAUNCH_PATIENCE (10 * TIME_SECOND)
#define SHIM "containerd-shim-tare-v2"

char *container_path(const Containers *containers, const char *id, const char *name) {
    return text_format(
        "%s/containers/%s%s%s", containers->with.config->root, id, *name ? "/" : "", name);
}

char *path_bundle(const Containers *containers, const char *id) {
    return text_format("%s/bundles/%s", containers->with.config->state, id);
}

char *path_shim_socket(const Containers *containers, const char *id) {
    return text_format("%s/shim/%s.sock", containers->with.config->state, id);
}

char *path_attach_socket(const Containers *containers, const char *id) {
    return text_format("%s/shim/%s.attach", containers->with.config->state, id);
}

char *path_lookup(const Containers *containers, const char *id) {
    return text_format("%s/lookup/%s", containers->with.config->state, id);
}

TaskShim shim_of(const Containers *containers, const Container *container, const char *bundle,
    const char *socket) {
    return (TaskShim){
        .program = containers->shim_program,
        .id = container->id,
        .bundle = bundle,
        .socket = socket,
        .address = containers->engine_address,
        .lock = containers->launch_lock,
    };
}

/* A shim's start command that an engine was killed over still makes its shim. The commands hold the
 * lock of the engine that spawned them: the next engine sweeps when they have all ended. */
static int launch_lock_take(Containers *containers, Error *err) {
    autofree char *path = path_join(containers->with.config->state, "launch.lock");
    autoclose int fd = -1;
    TRY(file_open(AT_FDCWD, path, O_RDWR | O_CREAT, 0600, &fd, err));
    int64_t until = time_monotonic() + LAUNCH_PATIENCE;
    while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK)
            return error_set_errno(err, errno, "cannot lock '%s'", path);
        if (time_monotonic() > until) {
            log_warning("a shim's command of an earlier engine is still at work");
            break;
        }
        time_sleep(5 * TIME_MILLISECOND);
    }
    containers->launch_lock = take_fd(&fd);
    return 0;
}

static int load_one(Containers *containers, const StoreRecord *row, Error *err) {
    autoptr(ContainerRecord) record = NULL;
    autoptr(Container) container = NULL;
    TRY(container_record_decode(row->value, &record, err));
    if (strlen(record->id) != 64 || !text_equal(record->id, row->key))
        return error_set(err, ERROR_CORRUPT, "the id is not its key");
    return table_add(
        containers, record, record->state->status != CONTAINER_REMOVING, &container, err);
}

/* A record that cannot be read hides one container, not all of them. */
static int load_all(Containers *containers, Error *err) {
    autodone(StoreRecords) rows = {};
    TRY(store_list(containers->with.store, STORE_CONTAINER, &rows, err));
    for (size_t i = 0; i < rows.n; i++) {
        Error why = {};
        if (load_one(containers, &rows.item[i], &why) < 0)
            log_error("container record %.12s: %s", rows.item[i].key, why.message);
    }
    return 0;
}

static void adopt_endpoints(Containers *containers) {
    for (size_t i = 0; i < containers->n; i++) {
        const ContainerRecord *record = containers->container[i]->record;
        if (!record->state->endpoint)
            continue;
        autodone(Endpoint) endpoint = {};
        Error err = {};
        endpoint_decode(record->state->endpoint, record->id, &endpoint);
        if (network_adopt(containers->with.network, &endpoint, &err) < 0)
            log_warning("network of container %.12s: %s", record->id, err.message);
    }
}

static int make_directories(const Containers *containers, Error *err) {
    const Config *config = containers->with.config;
    const char *const names[] = {"bundles", "shim", "runtime", "lookup"};
    autofree char *root = path_join(config->root, "containers");
    TRY(file_make_dirs(root, 0700, err));
    for (size_t i = 0; i < array_size(names); i++) {
        autofree char *path = path_join(config->state, names[i]);
        TRY(file_make_dirs(path, 0700, err));
    }
    return 0;
}

static ImageUse image_use(void *user, const char *image_id, char ret_container[65]) {
    Containers *containers = user;
    ImageUse use = IMAGE_UNUSED;
    pthread_mutex_lock(&containers->mutex);
    for (size_t i = 0; i < containers->n && use != IMAGE_RUNNING; i++) {
        const ContainerRecord *record = containers->container[i]->record;
        if (!text_equal(record->image->id, image_id))
            continue;
        use = record->state->status == CONTAINER_RUNNING ? IMAGE_RUNNING : IMAGE_USED;
        memcpy(ret_container, containers->container[i]->id, 65);
    }
    pthread_mutex_unlock(&containers->mutex);
    return use;
}

int containers_open(const ContainersOptions *options, Containers **ret, Error *err) {
    autoptr(Containers) containers = new (Containers);
    pthread_condattr_t attributes;
    containers->with = *options;
    containers->launch_lock = -1;
    pthread_mutex_init(&containers->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&containers->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    containers->engine_address = text_format("%s/tared.sock", options->config->state);
    TRY(process_find_program(SHIM, &containers->shim_program, err));
    autofree char *bundles = path_join(options->config->state, "bundles");
    containers->fresh = !file_exists(AT_FDCWD, bundles);
    TRY(make_directories(containers, err));
    TRY(launch_lock_take(containers, err));
    TRY(load_all(containers, err));
    adopt_endpoints(containers);
    TRY(monitor_new(exit_ended, containers, &containers->monitor, err));
    images_set_user(options->images, image_use, containers);
    volumes_set_users(options->volumes, mounts_users, containers);
    *ret = take_ptr(&containers);
    return 0;
}

void containers_close(Containers *containers) {
    if (containers->with.images)
        images_set_user(containers->with.images, NULL, NULL);
    if (containers->with.volumes)
        volumes_set_users(containers->with.volumes, NULL, NULL);
    monitor_free(containers->monitor);
    for (size_t i = 0; i < containers->n; i++)
        container_unref(containers->container[i]);
    free(containers->container);
    if (containers->launch_lock >= 0)
        close(containers->launch_lock);
    free(containers->shim_program);
    free(containers->engine_address);
    pthread_mutex_destroy(&containers->mutex);
    pthread_cond_destroy(&containers->changed);
    free(containers);
}

static uint64_t kills_of(const ContainerRecord *record) {
    return record->state->oom ? record->state->oom->kills.value : 0;
}

static void publish_oom(Containers *containers, const ContainerRecord *record) {
    Containerd__Events__TaskOOM oom = CONTAINERD__EVENTS__TASK_OOM__INIT;
    uint8_t bytes[128];
    oom.container_id = record->id;
    if (containerd__events__task_oom__get_packed_size(&oom) > sizeof bytes)
        return;
    event_publish(containers->with.task_events,
        &(Event){.type = "/tasks/oom",
            .action = "containerd.events.TaskOOM",
            .id = "tare",
            .payload = bytes,
            .payload_size = containerd__events__task_oom__pack(&oom, bytes)});
}

void container_event_oom(
    Containers *containers, const ContainerRecord *before, const ContainerRecord *after) {
    if (kills_of(after) == 0 || kills_of(after) == kills_of(before))
        return;
    container_event(containers, after, "oom");
    if (containers->with.task_events)
        publish_oom(containers, after);
}

/* The image's labels, and over them the user's. */
static void add_labels(const ContainerRecord *record, JsonMap *attributes) {
    const JsonMap *image = &record->image->config->labels;
    for (size_t i = 0; i < image->n; i++)
        json_map_set(attributes, image->key[i], image->value[i]);
    for (size_t i = 0; i < record->settings->labels.n; i++) {
        const char *label = record->settings->labels.item[i];
        autofree char *key = text_copy_n(label, strcspn(label, "="));
        const char *equals = strchr(label, '=');
        json_map_set(attributes, key, equals ? equals + 1 : "");
    }
}

void container_event(Containers *containers, const ContainerRecord *record, const char *action) {
    Event event = {.type = "container", .action = action, .id = record->id};
    if (!containers->with.events)
        return;
    if (record->image && record->image->config)
        add_labels(record, &event.attributes);
    json_map_set(&event.attributes, "name", record->name);
    json_map_set(&event.attributes, "image", record->settings->image);
    if (text_equal(action, "die")) {
        autofree char *code = text_format("%lld", (long long)record->state->exit_code.value);
        json_map_set(&event.attributes, "exitCode", code);
    }
    event_publish(containers->with.events, &event);
    json_map_done(&event.attributes);
}
