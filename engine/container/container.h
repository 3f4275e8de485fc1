// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/config.h"
#include "engine/container/record.h"
#include "engine/event/event.h"
#include "engine/image/image.h"
#include "engine/network/network.h"
#include "engine/snapshot/snapshot.h"
#include "engine/store/store.h"
#include "engine/volume/volume.h"

/* All containers of one engine. Any thread may call anything; calls that change a container block
 * until it has changed and exclude each other per container, readers never wait. A `reference` is a
 * full id, an unambiguous prefix of one, or a name: ERROR_NOT_FOUND "No such container: x". */
typedef struct Containers Containers;

typedef struct ContainersOptions {
    const Config *config;
    Store *store;
    Snapshots *snapshots;
    Images *images;
    Volumes *volumes;
    Network *network;
    Events *events, *task_events; /* the second: of containerd's services */
} ContainersOptions;              /* all borrowed */

/* Loads the records and tells the network about their endpoints; then, after network_start,
 * containers_recover adopts what runs and ends what a crash left half done. */
int containers_open(const ContainersOptions *options, Containers **ret, Error *err);
int containers_recover(Containers *containers, Error *err);
/* Starts, in a thread of its own, what restart policies want to run and nobody runs: it died
 * together with its shim, or the machine has been started since. */
int containers_revive(Containers *containers, Error *err);
/* Whoever waits for a container's end gives up, from now on: ERROR_UNAVAILABLE. */
void containers_interrupt(Containers *containers);
void containers_close(Containers *containers); /* leaves containers alone */
CLEANUP_DEFINE(Containers, containers_close)

/* Takes the settings. name NULL or "": generated. ERROR_NOT_FOUND with reason IMAGE_NOT_FOUND;
 * ERROR_EXISTS: the name is in use. */
typedef struct ContainerCreate {
    const char *name;
    ContainerSettings *settings;
} ContainerCreate;
int container_create(
    Containers *containers, ContainerCreate *create, ContainerRecord **ret, Error *err);

/* Returns when the program runs. Reasons COMMAND_NOT_FOUND and COMMAND_NOT_EXECUTABLE. */
int container_start(Containers *containers, const char *reference, Error *err);

/* Makes the shim of a container that does not run yet, so that no output is missed. */
int container_attach(Containers *containers, const char *reference, char **ret_socket,
    ContainerRecord **ret, Error *err);

typedef struct ContainerStop {
    const char *signal; /* NULL or "": the container's */
    bool has_timeout;   /* else the container's own, or 10 s */
    int64_t timeout;    /* ns, -1 for ever */
} ContainerStop;
int container_stop(
    Containers *containers, const char *reference, const ContainerStop *stop, Error *err);
int container_kill(Containers *containers, const char *reference, const char *signal, Error *err);

typedef struct ContainerRemove {
    bool force;   /* a running one is killed */
    bool volumes; /* anonymous ones that nobody else uses go, too; always with --rm */
} ContainerRemove;
int container_remove(
    Containers *containers, const char *reference, const ContainerRemove *remove, Error *err);

/* What is 0 or NULL stays as it is. Holds at once, also for a running container. */
typedef struct ContainerUpdate {
    int64_t memory, nano_cpus, pids_limit;
    const char *restart; /* policy */
    unsigned restart_retries;
} ContainerUpdate;
int container_update(
    Containers *containers, const char *reference, const ContainerUpdate *update, Error *err);

/* The caller's reference to a record that never changes. */
int container_find(
    Containers *containers, const char *reference, ContainerRecord **ret, Error *err);
typedef struct ContainerRecords {
    size_t n;
    ContainerRecord **item; /* newest first */
} ContainerRecords;
void container_list(Containers *containers, ContainerRecords *ret);
void container_records_done(ContainerRecords *records);
CLEANUP_DEFINE_DONE(ContainerRecords, container_records_done)

/* ROOT/containers/ID/name. New string. */
char *container_path(const Containers *containers, const char *id, const char *name);
