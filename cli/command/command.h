// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "cli/cli.h"

/* The verbs, one file each. */
extern const Command command_attach;
extern const Command command_container_inspect;
extern const Command command_content_active;
extern const Command command_content_get;
extern const Command command_content_ingest;
extern const Command command_content_label;
extern const Command command_content_ls;
extern const Command command_content_rm;
extern const Command command_create;
extern const Command command_event;
extern const Command command_exec;
extern const Command command_image_inspect;
extern const Command command_images;
extern const Command command_info;
extern const Command command_inspect;
extern const Command command_kill;
extern const Command command_lease_create;
extern const Command command_lease_ls;
extern const Command command_lease_rm;
extern const Command command_load;
extern const Command command_logs;
extern const Command command_namespace_create;
extern const Command command_namespace_ls;
extern const Command command_namespace_rm;
extern const Command command_ps;
extern const Command command_pull;
extern const Command command_push;
extern const Command command_save;
extern const Command command_rm;
extern const Command command_rmi;
extern const Command command_run;
extern const Command command_snapshot_commit;
extern const Command command_snapshot_info;
extern const Command command_snapshot_ls;
extern const Command command_snapshot_mounts;
extern const Command command_snapshot_prepare;
extern const Command command_snapshot_rm;
extern const Command command_snapshot_tree;
extern const Command command_snapshot_usage;
extern const Command command_snapshot_view;
extern const Command command_start;
extern const Command command_stop;
extern const Command command_tag;
extern const Command command_task_kill;
extern const Command command_task_ls;
extern const Command command_task_pause;
extern const Command command_task_resume;
extern const Command command_task_rm;
extern const Command command_update;
extern const Command command_version;
extern const Command command_wait;
