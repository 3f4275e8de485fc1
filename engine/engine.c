// SPDX-License-Identifier: Apache-2.0
#include "engine/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/text.h"
#include "base/time.h"
#include "engine/api/containerd/services.h"
#include "engine/api/tare/services.h"
#include "engine/collector.h"
#include "engine/container/container.h"
#include "engine/container/spec/cgroups.h"
#include "engine/image/image.h"
#include "engine/metadata/blob.h"
#include "engine/metadata/collect.h"
#include "engine/metadata/lease.h"
#include "engine/network/network.h"
#include "engine/notify.h"
#include "engine/rpc/server.h"
#include "engine/shim/news.h"
#include "engine/shim/shim.h"
#include "engine/volume/volume.h"
#include "version.h"

#define META_ID "id"
#define META_SUBNET "network_subnet"

struct Engine {
    const Config *config;
    int root_lock, state_lock;
    char *id;
    Store *store;
    Snapshots *snapshots;
    Events *events;
    Images *images;
    Volumes *volumes;
    Network *network;
    Containers *containers;
    TareServices services;
    Metadata *metadata;
    Events *client_events; /* of containerd's services */
    ShimNews *shim_news;
    ContainerdServices containerd;
    Collector *collector;
    RpcServer *server;
    size_t steps_done;
};

static int start_directories(Engine *engine, Error *err) {
    TRY(file_make_dirs(engine->config->root, 0700, err));
    return file_make_dirs(engine->config->state, 0700, err);
}

/* The lock dies with the process, however it ends; the text in the file is for people. */
static int lock_take(const char *directory, const char *name, int *ret_fd, Error *err) {
    autofree char *path = path_join(directory, name);
    autoclose int fd = -1;
    TRY(file_open(AT_FDCWD, path, O_RDWR | O_CREAT, 0600, &fd, err));
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK)
            return error_set_errno(err, errno, "cannot lock '%s'", path);
        char pid[32] = "";
        ssize_t n = pread(fd, pid, sizeof pid - 1, 0);
        pid[n > 0 ? strcspn(pid, "\n") : 0] = '\0';
        return error_set(err, ERROR_EXISTS, "another tared (process %s) uses '%s'", pid, directory);
    }
    autofree char *text = text_format("%d\n", getpid());
    if (ftruncate(fd, 0) < 0)
        return error_set_errno(err, errno, "cannot write '%s'", path);
    TRY(fd_write_all(fd, text, strlen(text), err));
    *ret_fd = take_fd(&fd);
    return 0;
}

static int start_lock(Engine *engine, Error *err) {
    TRY(lock_take(engine->config->state, "tared.pid", &engine->state_lock, err));
    return lock_take(engine->config->root, "lock", &engine->root_lock, err);
}

static void end_lock(Engine *engine) {
    if (engine->state_lock >= 0)
        close(engine->state_lock);
    if (engine->root_lock >= 0)
        close(engine->root_lock);
}

/* Made with the database; `info` shows it. */
static int id_load(Engine *engine, Error *err) {
    char id[33];
    int r = store_get(engine->store, STORE_META, META_ID, &engine->id, err);
    if (r != ERROR_NOT_FOUND)
        return r;
    text_random_hex(id, 16);
    engine->id = text_copy(id);
    return store_put(engine->store, STORE_META, META_ID, id, err);
}

static int start_store(Engine *engine, Error *err) {
    TRY(store_open(engine->config->root, &engine->store, err));
    return id_load(engine, err);
}

static void end_store(Engine *engine) {
    if (engine->store)
        store_close(engine->store);
    free(engine->id);
}

static int start_snapshots(Engine *engine, Error *err) {
    return snapshots_open(engine->config->root, engine->config->storage_driver, engine->store,
        &engine->snapshots, err);
}

static void end_snapshots(Engine *engine) {
    Error err;
    if (engine->snapshots && snapshots_settle(engine->snapshots, &err) < 0)
        log_warning("%s", err.message);
    snapshots_close(engine->snapshots);
}

static int start_events(Engine *engine, Error *err) {
    engine->events = events_new();
    return 0;
}

static void end_events(Engine *engine) {
    if (engine->events)
        events_free(engine->events);
}

static int start_metadata(Engine *engine, Error *err) {
    engine->client_events = events_new();
    return metadata_open(engine->store, &engine->metadata, err);
}

/* Shims that live on tell from here on; of those that were being launched nothing stays. */
static int start_shims(Engine *engine, Error *err) {
    shims_sweep(&(Shims){engine->config->state, engine->config->root});
    return shim_news_start(engine->config->state, engine->client_events, &engine->shim_news, err);
}

static void end_shims(Engine *engine) {
    shim_news_stop(engine->shim_news);
}

static void end_metadata(Engine *engine) {
    metadata_close(engine->metadata);
    events_free(engine->client_events);
}

static bool keep_blob(void *metadata, const char *digest) {
    return blob_is_known(metadata, digest);
}

static int start_images(Engine *engine, Error *err) {
    const ImagesOptions options = {
        .root = engine->config->root,
        .store = engine->store,
        .snapshots = engine->snapshots,
        .events = engine->events,
        .registry = &engine->config->registry,
        .max_downloads = engine->config->max_concurrent_downloads,
        .max_uploads = engine->config->max_concurrent_uploads,
        .keeper = keep_blob,
        .keeper_data = engine->metadata,
    };
    TRY(registry_set_up(err));
    return images_open(&options, &engine->images, err);
}

static void end_images(Engine *engine) {
    if (engine->images)
        images_close(engine->images);
}

static int start_volumes(Engine *engine, Error *err) {
    return volumes_open(engine->config->root, engine->store, engine->events, &engine->volumes, err);
}

static void end_volumes(Engine *engine) {
    volumes_close(engine->volumes);
}

static const char *const *texts_of(const JsonTexts *texts) {
    return texts->n ? (const char *const *)texts->item : NULL;
}

static int start_network(Engine *engine, Error *err) {
    const Config *config = engine->config;
    autofree char *stored = NULL;
    Error ignored = {};
    store_get(engine->store, STORE_META, META_SUBNET, &stored, &ignored);
    const NetworkConfig options = {
        .state = config->state,
        .bridge = config->bridge,
        .subnet = config->bip ? config->bip : stored,
        .host_ip = config->publish_ip,
        .mtu = config->mtu,
        .no_icc = config->no_icc,
        .no_masquerade = config->no_masquerade,
        .no_forward = config->no_forward,
        .dns = texts_of(&config->dns),
        .dns_search = texts_of(&config->dns_search),
        .dns_options = texts_of(&config->dns_options),
    };
    return network_new(&options, &engine->network, err);
}

static void end_network(Engine *engine) {
    if (engine->network)
        network_free(engine->network);
}

static int start_containers(Engine *engine, Error *err) {
    const ContainersOptions options = {
        .config = engine->config,
        .store = engine->store,
        .snapshots = engine->snapshots,
        .images = engine->images,
        .volumes = engine->volumes,
        .network = engine->network,
        .events = engine->events,
        .task_events = engine->client_events,
    };
    return containers_open(&options, &engine->containers, err);
}

static void end_containers(Engine *engine) {
    if (engine->containers)
        containers_close(engine->containers);
}

/* A bridge that cannot be made is no reason to serve nobody: host and none work without. */
static int start_bridge(Engine *engine, Error *err) {
    char subnet[NETWORK_SUBNET_SIZE];
    Error why = {};
    if (network_start(engine->network, &why) < 0)
        log_warning("network: %s", why.message);
    network_subnet(engine->network, subnet);
    return *subnet ? store_put(engine->store, STORE_META, META_SUBNET, subnet, err) : 0;
}

/* Bridge and packet filter go when no container needs them. */
static void end_bridge(Engine *engine) {
    Error err = {};
    if (engine->network && network_tear_down(engine->network, &err) < 0)
        log_warning("network: %s", err.message);
}

static void end_recovery(Engine *engine) {
    cgroup_parents_remove();
}

static int start_recovery(Engine *engine, Error *err) {
    return containers_recover(engine->containers, err);
}

static int start_server(Engine *engine, Error *err) {
    engine->services.id = engine->id;
    engine->services.snapshots = engine->snapshots;
    engine->services.images = engine->images;
    engine->services.volumes = engine->volumes;
    engine->services.containers = engine->containers;
    engine->services.events = engine->events;
    engine->server = rpc_server_new(&(RpcServerOptions){});
    engine->containerd = (ContainerdServices){
        .config = engine->config,
        .id = engine->id,
        .metadata = engine->metadata,
        .trees = {engine->metadata, engine->snapshots, METADATA_SNAPSHOTTER},
        .content = images_content(engine->images),
        .images = engine->images,
        .shims = {engine->config->state, engine->config->root},
        .events = engine->client_events,
    };
    TRY(containerd_services_add(engine->server, &engine->containerd, err));
    return tare_services_add(engine->server, &engine->services, err);
}

static void end_server(Engine *engine) {
    containers_interrupt(engine->containers);
    rpc_server_stop(engine->server, 2 * TIME_SECOND);
}

static int group_find(const char *name, gid_t *ret, Error *err) {
    *ret = (gid_t)-1;
    if (!name)
        return 0;
    struct group group, *found = NULL;
    char buffer[16384];
    int r = getgrnam_r(name, &group, buffer, sizeof buffer, &found);
    if (r != 0)
        return error_set_errno(err, r, "cannot look up group '%s'", name);
    if (!found)
        return error_set(err, ERROR_INVALID, "group: there is no group '%s'", name);
    *ret = found->gr_gid;
    return 0;
}

/* Sockets of the service manager replace our own. */
static int start_listening(Engine *engine, Error *err) {
    const JsonTexts *hosts = &engine->config->hosts;
    gid_t gid;
    TRY(group_find(engine->config->group, &gid, err));
    int inherited = rpc_server_listen_inherited(engine->server, err);
    TRY(inherited);
    for (size_t i = 0; i < hosts->n; i++) {
        if (text_starts(hosts->item[i], "fd://")) {
            if (inherited == 0)
                return error_set(err, ERROR_INVALID, "hosts: fd:// without inherited sockets");
            continue;
        }
        const char *path = hosts->item[i] + strlen("unix://");
        if (inherited == 0)
            TRY(rpc_server_listen(engine->server, path, 0660, gid, err));
    }
    return rpc_server_start(engine->server, err);
}

/* Only now: what they are started with serves others, too. */
static int start_revival(Engine *engine, Error *err) {
    return containers_revive(engine->containers, err);
}

static int start_collector(Engine *engine, Error *err) {
    const Config *config = engine->config;
    const CollectorOptions options = {
        .metadata = engine->metadata,
        .images = engine->images,
        .snapshots = engine->snapshots,
        .rules =
            {
                .high = config->gc_high,
                .low = config->gc_low,
                .minimum_age = config->gc_minimum_age * TIME_SECOND,
                .pin = &config->pinned_images,
            },
        .interval = config->gc_interval * TIME_SECOND,
    };
    return collector_start(&options, &engine->collector, err);
}

static void end_collector(Engine *engine) {
    collector_stop(engine->collector);
}

static int start_ready(Engine *engine, Error *err) {
    engine->services.started = time_now();
    log_info("tared " TARE_VERSION " serves %s", engine->config->hosts.item[0]);
    return notify_service_manager("READY=1", err);
}

static void end_ready(Engine *engine) {
    Error ignored;
    notify_service_manager("STOPPING=1", &ignored);
}

static const struct {
    const char *name;
    int (*start)(Engine *engine, Error *err);
    void (*end)(Engine *engine);
} steps[] = {
    {"directories", start_directories, NULL},
    {"lock", start_lock, end_lock},
    {"store", start_store, end_store},
    {"snapshots", start_snapshots, end_snapshots},
    {"events", start_events, end_events},
    {"metadata", start_metadata, end_metadata},
    {"shims", start_shims, end_shims},
    {"images", start_images, end_images},
    {"volumes", start_volumes, end_volumes},
    {"network", start_network, end_network},
    {"containers", start_containers, end_containers},
    {"bridge", start_bridge, end_bridge},
    {"recovery", start_recovery, end_recovery},
    {"server", start_server, end_server},
    {"listening", start_listening, NULL},
    {"revival", start_revival, NULL},
    {"collector", start_collector, end_collector},
    {"ready", start_ready, end_ready},
};

int engine_start(const Config *config, Engine **ret, Error *err) {
    autoptr(Engine) engine = new (Engine);
    *engine = (Engine){.config = config, .root_lock = -1, .state_lock = -1};
    engine->services.config = config;
    for (; engine->steps_done < array_size(steps); engine->steps_done++) {
        int64_t before = time_monotonic();
        int r = steps[engine->steps_done].start(engine, err);
        if (r < 0) {
            engine->steps_done++; /* a step's end undoes a half-done start, too */
            return error_prefix(err, "cannot start");
        }
        log_debug("%s: %lld us", steps[engine->steps_done].name,
            (long long)(time_monotonic() - before) / 1000);
    }
    *ret = take_ptr(&engine);
    return 0;
}

void engine_stop(Engine *engine) {
    while (engine->steps_done > 0) {
        if (steps[--engine->steps_done].end)
            steps[engine->steps_done].end(engine);
    }
    free(engine);
}
