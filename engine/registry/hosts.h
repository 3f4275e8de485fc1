// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/registry/address.h"

/* What DIRECTORY/HOST/ says about a registry: containerd's hosts.toml
 * (https://github.com/containerd/containerd/blob/main/docs/hosts.md), or, without one, Docker's
 * ca.crt, client.cert and client.key. Read for each pull. Private to engine/registry. */
typedef struct Hosts {
    bool found; /* hosts.toml: its endpoints replace the usual ones */
    Endpoints endpoints;
    HttpIdentity identity; /* of the registry itself */
} Hosts;

/* The first of the directories that has HOST, else _default/hosts.toml. ERROR_INVALID names the
 * file. */
int hosts_load(const RegistryConfig *config, const char *domain, Hosts *ret, Error *err);
void hosts_done(Hosts *hosts);
CLEANUP_DEFINE_DONE(Hosts, hosts_done)
