// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/container/record.h"
#include "engine/container/task.h"

/* Health checks: what the user and the image say, combined as Docker does; the shim runs them. A
 * test is {"NONE"}, {"CMD", argument…}, {"CMD-SHELL", line}, or ours: {"URL", url} with http,
 * https, tcp or grpc. */

/* What holds for the container; members are borrowed from the record. False: none. */
bool health_of(const ContainerRecord *record, OciHealthcheck *ret);

/* Over the network, without a process in the container. */
bool health_is_url(const OciHealthcheck *health);

/* The arguments that a probe runs in the container; empty for a URL. */
void health_command(const ContainerRecord *record, const OciHealthcheck *health, JsonTexts *ret);

int health_check(const ContainerRecord *record, Error *err);

/* For the shim; borrows. process_path: where the probe's process document is. */
TaskHealth health_task(const ContainerRecord *record, const OciHealthcheck *health,
    const char *process_path, int stop_signal);

/* The shim's report, as it is remembered; NULL for none. */
ContainerHealth *health_encode(const TaskChange *change);
