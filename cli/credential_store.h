// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>

#include "cli/credentials.h"

/* Where logins are kept, as docker keeps them: by a program docker-credential-NAME that credHelpers
 * (one registry) or credsStore (all) of config.json names, else in config.json's auths. Registries
 * are as reference_host says: "docker.io", "host:5000". */

/* What the user calls a registry: "", "host", "https://host/path". New string. */
char *credential_store_registry(const char *server);

/* What the file and the helpers call it: Docker Hub is an URL there. New string. */
char *credential_store_key(const char *registry);

/* The helper for a registry; NULL: none. New string. */
char *credential_store_helper(const char *registry);

/* ERROR_NOT_FOUND: the helper knows nothing of it. */
int credential_store_ask(const char *helper, const char *registry, Credentials *ret, Error *err);

/* What is in the file already is not written again, nor warned of. */
int credential_store_save(const char *registry, const Credentials *credentials, Error *err);
int credential_store_erase(const char *registry, Error *err); /* none there: success */
