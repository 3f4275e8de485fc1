// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/error.h"
#include "base/json.h"

/* The options of a runtime in containerd's configuration, as containerd hands them to shims of
 * other names than its own: TOML, with the keys that containerd.runc.v1.Options has there; of equal
 * keys the last counts, and their case does not matter. What is not known is ignored. */
typedef struct TomlOptions {
    char *binary_name, *root, *shim_cgroup, *criu_work_path; /* NULL: not there, or empty */
    JsonBool systemd_cgroup, no_pivot_root, no_new_keyring;
    JsonUint io_uid, io_gid;
} TomlOptions;

/* ERROR_INVALID names the line or the key. */
int toml_options_decode(const char *text, size_t n, TomlOptions *ret, Error *err);
void toml_options_done(TomlOptions *options);
