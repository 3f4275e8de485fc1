// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "proto/tare/v1/system.pb-c.h"

/* What `version` and `info` tell, as the JSON that Docker's have, for --format. New strings. */
char *about_version(const Tare__V1__VersionResponse *server);
char *about_info(const Tare__V1__InfoResponse *info);

/* Go's name of this machine: "amd64". */
const char *about_architecture(const char *machine);
