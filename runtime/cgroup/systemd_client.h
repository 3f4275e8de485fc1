// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "runtime/cgroup/cgroup.h"

/* The runtime's side of tare-systemd (systemd_request.h). */

/* ERROR_UNAVAILABLE: systemd does not run this machine. */
int systemd_check(Error *err);

/* The control group of the user's manager: "/user.slice/…". New string. */
int systemd_manager_group(char **ret, Error *err);

/* Makes the unit; its cgroup stays until systemd_release, and then as long as somebody is in it. */
int systemd_start(Cgroup *cgroup, const OciResources *resources, Error *err);
void systemd_release(Cgroup *cgroup);

int systemd_set(const Cgroup *cgroup, const OciResources *resources, Error *err);

/* path: the cgroup, which is the unit's or below it. */
int systemd_attach(const Cgroup *cgroup, const char *path, int pid, Error *err);
int systemd_stop(const Cgroup *cgroup, Error *err);
