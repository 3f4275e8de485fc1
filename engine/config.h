// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "engine/registry/registry.h"

/* What the engine was told: command line, then environment, then engine.json (Docker's daemon.json
 * keys), then defaults. Fixed once main has loaded it; read from any thread. */
typedef struct ConfigRuntime {
    char *path;          /* of an OCI runtime: absolute, or a name in $PATH; with */
    JsonTexts arguments; /* these before all others */
    char *type;          /* or a shim's: "io.containerd.NAME.v2", or its absolute path; with */
    char *options;       /* a JSON object, see config_runtime_options */
} ConfigRuntime;         /* neither: our own runtime */

/* containerd's for runc, and what it gives to shims that have no type of their own. */
typedef struct ConfigRuntimeOptions {
    char *binary_name, *root, *shim_cgroup, *criu_image_path, *criu_work_path;
    JsonBool no_pivot_root, no_new_keyring, systemd_cgroup;
    JsonUint io_uid, io_gid;
    char *type_url, *config_path, *config_body;
} ConfigRuntimeOptions;

typedef struct Config {
    char *root, *state; /* absolute */
    char *file;         /* the engine.json that was read, NULL if there is none */
    JsonTexts hosts;    /* unix:///path, fd:// */
    char *group;        /* of the sockets; NULL: the process's */
    LogLevel log_level;
    LogFormat log_format;
    char *log_driver;    /* of containers that name none */
    JsonMap log_options; /* of containers with this driver */
    char *storage_driver;
    unsigned gc_high, gc_low;             /* per cent of ROOT's disk; high 0: never */
    unsigned gc_minimum_age, gc_interval; /* seconds */
    JsonTexts pinned_images;              /* patterns */
    char *default_runtime;
    JsonObjectMap runtimes; /* name → ConfigRuntime */
    RegistryConfig registry;
    unsigned max_concurrent_downloads, max_concurrent_uploads;
    char *bridge, *bip, *publish_ip;
    unsigned mtu;
    bool no_icc, no_masquerade, no_forward, no_new_privileges;
    JsonTexts dns, dns_search, dns_options;
    JsonTexts warnings; /* keys that were read and have no effect here */
} Config;

/* What the command line may say; NULL and false are "nothing said". */
typedef struct ConfigOptions {
    const char *root, *state, *config, *log_level, *log_format, *storage_driver;
    const char *const *hosts;
    size_t hosts_n;
    bool debug;
} ConfigOptions;

/* ERROR_INVALID names the file and the key or line. A missing file is an error only if the command
 * line or $TARE_CONFIG named it. Fills *ret whatever happens: release with config_done. */
int config_load(const ConfigOptions *options, Config *ret, Error *err);
void config_done(Config *config);
CLEANUP_DEFINE_DONE(Config, config_done)

/* The runtime called `name` ("" = the default one): of the table, "tare", "runc", "crun", the path
 * of a runtime or of a shim, or a shim's type. *ret borrows from both. ERROR_INVALID: "unknown or
 * invalid runtime name: x". */
int config_runtime(const Config *config, const char *name, ConfigRuntime *ret, Error *err);
const char *config_runtime_name(const Config *config, const char *name);
int config_runtimes_check(const Config *config, Error *err);
int config_runtime_options(const ConfigRuntime *runtime, ConfigRuntimeOptions *ret, Error *err);
void config_runtime_options_done(ConfigRuntimeOptions *options);
CLEANUP_DEFINE_DONE(ConfigRuntimeOptions, config_runtime_options_done)
