// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "proto/containerd/task/v3/task.pb-c.h"
#include "shim/container.h"

/* containerd's events about a container and its execs; they go to shim->publisher. */
void notice_created(
    const Container *container, const Containerd__Task__V3__CreateTaskRequest *request);
void notice_started(const Process *process);
void notice_exec_added(const Container *container, const char *exec_id);
void notice_paused(const Process *init);
void notice_resumed(const Process *init);
void notice_checkpointed(const Container *container, const char *path);
void notice_oom(const Container *container);
void notice_exited(const Process *process);
void notice_deleted(const Process *init);
