// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/container/record.h"

/* Docker's port maps, {"80/tcp":[{"HostIp":"","HostPort":"8080"}],"443/tcp":null}, as raw JSON (new
 * strings): what the user asked for, and what is bound now. */
char *docker_ports_requested(const ContainerSettings *settings);
char *docker_ports_bound(const ContainerRecord *record);

/* {"80/tcp":{}}: the image's and those that the user publishes. */
void docker_ports_exposed(const ContainerRecord *record, JsonObjectMap *ret);

/* The user's labels over the image's. */
void docker_labels(const ContainerRecord *record, JsonMap *ret);
