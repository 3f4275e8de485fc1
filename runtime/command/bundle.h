// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "runtime/command/command.h"
#include "runtime/container/launch.h"

/* The options that create and run share. */
typedef struct BundleOptions {
    const char *bundle, *config, *console_socket, *pid_file, *pidfd_socket;
    OptionInt preserve_fds;
    bool no_pivot, no_new_keyring, detach, keep, no_subreaper;
} BundleOptions;

#define BUNDLE_OPTIONS                                                                             \
    {'b', "bundle", OPTION_TEXT, offsetof(T, bundle), "directory",                                 \
        "the bundle (default: the current directory)"},                                            \
        {'f', "config", OPTION_TEXT, offsetof(T, config), "file",                                  \
            "the configuration's file name (default: config.json)"},                               \
        {0, "console-socket", OPTION_TEXT, offsetof(T, console_socket), "socket",                  \
            "unix socket that receives the terminal's descriptor"},                                \
        {0, "pidfd-socket", OPTION_TEXT, offsetof(T, pidfd_socket), "socket",                      \
            "unix socket that receives a descriptor of the process"},                              \
        {0, "pid-file", OPTION_TEXT, offsetof(T, pid_file), "file",                                \
            "write the process's pid there"},                                                      \
        {0, "preserve-fds", OPTION_INT, offsetof(T, preserve_fds), "number",                       \
            "hand this many more descriptors to the program"},                                     \
        {0, "no-pivot", OPTION_FLAG, offsetof(T, no_pivot), NULL,                                  \
            "move the rootfs to / instead of pivoting (initramfs)"},                               \
    {                                                                                              \
        0, "no-new-keyring", OPTION_FLAG, offsetof(T, no_new_keyring), NULL,                       \
            "keep the caller's session keyring"                                                    \
    }

/* What users should know about the container that was made, and about limits that nobody sets. */
void bundle_warn(const Launch *launch);
void bundle_warn_memory(const OciMemory *memory);

/* ret_bundle owns the absolute path that ret borrows. */
int bundle_options(const Globals *globals, const BundleOptions *parsed, char **ret_bundle,
    LaunchOptions *ret, Error *err);
