// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/config.h"
#include "engine/container/record.h"
#include "output/settings.h"

/* The log driver and its options of one container. */

/* Fills in what the user left to engine.json, as Docker does (log-opts are for containers that use
 * its log-driver), and refuses what is wrong. For a new container. ERROR_INVALID. */
int log_config_complete(const Config *config, const ContainerRecord *record, Error *err);

/* Of a record that log_config_complete has seen, or of one that is older. */
OutputDriver log_config_driver(const ContainerRecord *record);

/* The log's file in the container's directory; NULL: the driver writes none. New string. */
char *log_config_path(const ContainerRecord *record, const char *directory);

/* What the shim is told. */
typedef struct LogConfig {
    const ContainerSettings *settings; /* borrowed */
    char *path;
    const char *container_name; /* borrowed */
    JsonMap attributes;         /* labels and variables that the options name */
    JsonMap options;            /* the record's, with hosts as addresses */
    char *tag;                  /* the option with its templates filled in; "{{.ID}}" without it */
} LogConfig;

/* ERROR_INVALID: an unknown template; ERROR_UNAVAILABLE: a host that cannot be looked up. */
int log_config_load(
    const ContainerRecord *record, const char *directory, LogConfig *ret, Error *err);
void log_config_done(LogConfig *config);
CLEANUP_DEFINE_DONE(LogConfig, log_config_done)
