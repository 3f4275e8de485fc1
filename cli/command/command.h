// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "cli/cli.h"

/* The verbs, one file each. */
extern const Command command_attach;
extern const Command command_container_inspect;
extern const Command command_create;
extern const Command command_exec;
extern const Command command_image_inspect;
extern const Command command_images;
extern const Command command_info;
extern const Command command_inspect;
extern const Command command_kill;
extern const Command command_load;
extern const Command command_logs;
extern const Command command_ps;
extern const Command command_pull;
extern const Command command_rm;
extern const Command command_rmi;
extern const Command command_run;
extern const Command command_start;
extern const Command command_stop;
extern const Command command_tag;
extern const Command command_update;
extern const Command command_version;
extern const Command command_wait;
