// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stddef.h>

#include "base/cleanup.h"
#include "base/error.h"

/* What `docker login` keeps of a registry: in $DOCKER_CONFIG/config.json, else
 * ~/.docker/config.json, or with a credential helper that this file names. All NULL when there is
 * nothing for it. */
typedef struct Credentials {
    char *username, *password, *identity_token;
} Credentials;

/* `host` as reference_host says. An absent file is no error. */
int credentials_find(const char *host, Credentials *ret, Error *err);

/* The same in a document's text. */
int credentials_parse(
    const char *text, size_t length, const char *host, Credentials *ret, Error *err);
void credentials_done(Credentials *credentials);
CLEANUP_DEFINE_DONE(Credentials, credentials_done)
