// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* The options of a runtime in containerd's configuration, as containerd hands them to shims of
 * other names than its own: lines "Key = value" of TOML 1.0, with the keys that
 * containerd.runc.v1.Options has there. Values are strings of one line, integers and booleans;
 * tables and arrays have no meaning here and are refused. */
typedef struct TomlOptions {
    char *binary_name, *root, *shim_cgroup; /* NULL: not there */
    bool systemd_cgroup, no_pivot_root, no_new_keyring;
} TomlOptions;

/* Keys that are not known are ignored. ERROR_INVALID names the line. */
int toml_options_decode(const char *text, size_t n, TomlOptions *ret, Error *err);
void toml_options_done(TomlOptions *options);
