// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/registry/registry.h"

/* Does this registry take these credentials? domain: "docker.io", "host:5000". ERROR_DENIED with
 * the registry's reason; nothing is remembered. */
int registry_login(const RegistryConfig *config, const char *domain,
    const RegistryCredentials *credentials, Error *err);
