// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/json.h"

/* The "Config" object that images and containers share in Docker's API. */
typedef struct DockerConfig {
    char *hostname, *domainname, *user;
    JsonBool attach_stdin, attach_stdout, attach_stderr;
    JsonObjectMap exposed_ports; /* OciEmpty */
    JsonBool tty, open_stdin, stdin_once;
    JsonTexts env, cmd;
    char *healthcheck; /* raw */
    char *image;
    JsonObjectMap volumes; /* OciEmpty */
    char *working_dir;
    JsonTexts entrypoint, on_build;
    JsonMap labels;
    char *stop_signal;
    JsonInt stop_timeout;
    JsonTexts shell;
} DockerConfig;

extern const JsonType docker_config_type;

/* Copies for filling documents; an absent list or map stays absent (null). */
void docker_copy_texts(JsonTexts *to, const JsonTexts *from);
void docker_copy_keys(JsonObjectMap *to, const JsonObjectMap *from); /* of OciEmpty */
void docker_copy_map(JsonMap *to, const JsonMap *from);
char *docker_time(int64_t time); /* RFC 3339; new string */
JsonBool docker_bool(bool value);
