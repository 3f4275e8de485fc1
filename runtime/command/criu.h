// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "runtime/checkpoint/checkpoint.h"
#include "runtime/command/command.h"

/* The options that checkpoint and restore share. */
typedef struct SharedCriuOptions {
    const char *image_path, *work_path, *cgroup_mode;
    OptionTexts empty_namespaces;
    bool tcp_established, ext_unix_sockets, shell_job, file_locks, auto_dedup, lazy_pages;
} SharedCriuOptions;

#define SHARED_CRIU_OPTIONS                                                                        \
    {0, "image-path", OPTION_TEXT, offsetof(T, shared.image_path), "directory",                    \
        "where criu's images are (default: checkpoint)"},                                          \
        {0, "work-path", OPTION_TEXT, offsetof(T, shared.work_path), "directory",                  \
            "where criu puts its log (default: beside the images)"},                               \
        {0, "tcp-established", OPTION_FLAG, offsetof(T, shared.tcp_established), NULL,             \
            "with open TCP connections"},                                                          \
        {0, "ext-unix-sk", OPTION_FLAG, offsetof(T, shared.ext_unix_sockets), NULL,                \
            "with unix sockets that lead outside"},                                                \
        {0, "shell-job", OPTION_FLAG, offsetof(T, shared.shell_job), NULL,                         \
            "with processes of a session outside"},                                                \
        {0, "file-locks", OPTION_FLAG, offsetof(T, shared.file_locks), NULL, "with file locks"},   \
        {0, "manage-cgroups-mode", OPTION_TEXT, offsetof(T, shared.cgroup_mode), "mode",           \
            "soft (the default), full, strict or ignore"},                                         \
        {0, "empty-ns", OPTION_TEXTS, offsetof(T, shared.empty_namespaces), "namespace",           \
            "make the namespace, but leave it empty: network (always so)"},                        \
        {0, "auto-dedup", OPTION_FLAG, offsetof(T, shared.auto_dedup), NULL,                       \
            "remove memory from older images that newer ones have"},                               \
    {                                                                                              \
        0, "lazy-pages", OPTION_FLAG, offsetof(T, shared.lazy_pages), NULL,                        \
            "restore memory when it is used"                                                       \
    }

/* make: the directory of images may be new. */
int criu_shared_options(const SharedCriuOptions *parsed, const char *log_name, bool make,
    CheckpointOptions *ret, Error *err);
