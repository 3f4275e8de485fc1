// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdatomic.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "engine/container/mount/record.h"
#include "engine/container/oom.h"
#include "oci/image.h"

/* What is remembered of a container. What the user says, what the image says and what the engine
 * decides are separate types: nothing an image brings along can become a setting or a state. A
 * record that others can see never changes; a change is a new record. */
typedef struct ContainerPort {
    char *host_ip, *protocol; /* "tcp", "udp" */
    JsonUint host_port, container_port;
} ContainerPort;

typedef struct ContainerSettings {
    char *image;                                        /* as the user wrote it */
    JsonTexts command, entrypoint, environment, labels; /* labels, environment: "name=value" */
    char *user, *working_directory, *hostname, *network, *stop_signal, *platform;
    JsonBool has_entrypoint, terminal, open_stdin, stdin_once, auto_remove, read_only, privileged;
    JsonBool attach_stdin, attach_stdout, attach_stderr;
    JsonTexts capabilities_add, capabilities_drop;
    JsonInt memory, nano_cpus, pids_limit; /* bytes; 10⁻⁹ CPUs; 0 = none */
    JsonInt stop_timeout;                  /* s, -1: for ever */
    JsonObjects ports;                     /* ContainerPort */
    JsonObjects mounts;                    /* ContainerMount; when created: all there are */
    JsonTexts volumes_from;                /* "CONTAINER[:MODE]" */
    JsonUint terminal_rows, terminal_columns, restart_retries;
    char *restart;           /* policy; NULL: "no" */
    char *runtime;           /* as config_runtime knows it; NULL: the default one */
    OciHealthcheck *health;  /* NULL: the image's */
    char *health_on_failure; /* NULL: nothing happens */
    char *log_driver;        /* NULL: json-file */
    JsonMap log_options;
    JsonMap storage_options; /* "size" */
} ContainerSettings;

/* Copied when the container is created: a tag may move and an image may be updated meanwhile. */
typedef struct ContainerImage {
    char *id, *chain_id; /* chain_id NULL: an image without layers */
    OciImageConfig *config;
} ContainerImage;

typedef struct ContainerEndpoint {
    char *id, *network, *sandbox, *ip, *gateway, *mac, *interface;
    JsonUint prefix;
    JsonObjects ports; /* ContainerPort */
} ContainerEndpoint;

typedef struct ContainerHealthResult {
    JsonInt started, ended, exit_code;
    char *output;
} ContainerHealthResult;

typedef struct ContainerHealth {
    char *status; /* "starting", "healthy", "unhealthy" */
    JsonUint failing_streak;
    JsonObjects results; /* ContainerHealthResult, oldest first */
} ContainerHealth;

typedef enum ContainerStatus {
    CONTAINER_CREATED,
    CONTAINER_RUNNING,
    CONTAINER_EXITED,
    CONTAINER_REMOVING, /* removal has begun: recovery ends it */
} ContainerStatus;
const char *container_status_name(ContainerStatus status);

typedef struct ContainerState {
    ContainerStatus status;
    char *status_text; /* the same as it was stored; only for the record's functions */
    JsonInt pid, exit_code, started, finished; /* times in ns, 0 = never */
    JsonUint restart_count;
    JsonBool oom_killed;
    ContainerOom *oom;           /* NULL: nothing was killed */
    JsonBool restarting;         /* running, but between two lives */
    JsonBool stopped;            /* by the user: not to be started when the machine starts */
    JsonBool held;               /* paused by the engine for a while (hold.h) */
    JsonBool remove_volumes;     /* anonymous ones; of a removal that has begun */
    char *error;                 /* why the last start failed, NULL */
    ContainerEndpoint *endpoint; /* NULL: not connected */
    ContainerHealth *health;     /* of the last run; NULL: not checked */
} ContainerState;

typedef struct ContainerRecord {
    char *id, *name; /* name without slash */
    JsonInt created;
    ContainerSettings *settings;
    ContainerImage *image;
    ContainerState *state;
    atomic_int references; /* not stored */
} ContainerRecord;

/* Docker's word for it: the status, or "restarting". */
const char *container_state_name(const ContainerState *state);

extern const JsonType container_port_type, container_endpoint_type, container_health_type,
    container_health_result_type;

/* New, with one reference and empty parts. */
ContainerRecord *container_record_new(void);
ContainerRecord *container_record_copy(const ContainerRecord *record); /* deep, one reference */
ContainerRecord *container_record_ref(ContainerRecord *record);
void container_record_unref(ContainerRecord *record);
CLEANUP_DEFINE(ContainerRecord, container_record_unref)

void container_settings_free(ContainerSettings *settings);
void container_health_free(ContainerHealth *health);

/* For a container that does not run: no pid, error, endpoint. */
void container_state_reset(ContainerState *state);

/* The store's text. ERROR_INVALID, ERROR_CORRUPT: not a whole record. */
char *container_record_encode(const ContainerRecord *record);
int container_record_decode(const char *text, ContainerRecord **ret, Error *err);
