// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/text.h"

/* What we ask of criu, and its encoding as a message of criu's RPC (criu.org/RPC). */
typedef enum CriuType {
    CRIU_DUMP = 1,
    CRIU_RESTORE = 2,
    CRIU_PRE_DUMP = 4,
    CRIU_NOTIFY = 6,
    CRIU_FEATURE_CHECK = 9,
    CRIU_VERSION = 10,
} CriuType;

/* Who looks after the cgroups of the processes. */
typedef enum CriuCgroupMode {
    CRIU_CGROUP_IGNORE = 0,
    CRIU_CGROUP_SOFT = 3,
    CRIU_CGROUP_FULL = 4,
    CRIU_CGROUP_STRICT = 5,
    CRIU_CGROUP_DEFAULT = 6,
} CriuCgroupMode;

typedef struct CriuInherit {
    char *key;
    int fd; /* as criu has it */
} CriuInherit;

/* Descriptors are ours: criu opens them through /proc, except those that it inherits. False, 0, -1
 * for descriptors and NULL are left out. */
typedef struct CriuOptions {
    int images_dir, work_dir, pid;
    int log_level, empty_namespaces, page_server_port;
    CriuCgroupMode cgroup_mode;
    bool leave_running, ext_unix_sockets, tcp_established, tcp_skip_in_flight, tcp_close;
    bool evasive_devices, shell_job, file_locks, track_memory, auto_dedup, link_remap, lazy_pages;
    bool notify, orphan_terminal_master, restore_sibling, manage_cgroups;
    const char *log_file, *root, *parent, *freeze_cgroup, *config_file, *page_server_address;
    const char *lsm_profile, *lsm_mount_context;
    JsonMap mounts;       /* dump: path → name, restore: name → path on the host */
    JsonMap cgroup_roots; /* controllers → path */
    JsonMap join;         /* namespace's kind → path */
    JsonTexts external;
    JsonTexts cgroup_hierarchies; /* dump: by controllers; none are all that the machine has */
    CriuInherit *inherit;
    size_t inherit_n;
} CriuOptions;

#define CRIU_OPTIONS_INIT                                                                          \
    { .images_dir = -1, .work_dir = -1, .cgroup_mode = CRIU_CGROUP_DEFAULT }

void criu_options_inherit(CriuOptions *options, const char *key, int fd);
void criu_options_done(CriuOptions *options);
CLEANUP_DEFINE_DONE(CriuOptions, criu_options_done)

/* The whole request: DUMP, RESTORE or PRE_DUMP. */
void request_encode(CriuType type, const CriuOptions *options, Text *ret);

/* VERSION, after which criu listens for more. */
void request_encode_version(Text *ret);

/* FEATURE_CHECK: which of the features we care about are there. */
typedef struct CriuFeatures {
    bool track_memory, lazy_pages;
} CriuFeatures;
void request_encode_features(Text *ret);

/* The answer to a notification. */
void request_encode_notified(bool success, Text *ret);

/* "soft", "full", "strict", "ignore"; ERROR_INVALID. */
int criu_cgroup_mode_parse(const char *word, CriuCgroupMode *ret, Error *err);
