// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/cleanup.h"
#include "base/error.h"
#include "cli/credentials.h"
#include "proto/tare/v1/image.pb-c.h"

/* The user's credentials for a reference's registry, as the engine is told them. */
typedef struct RegistryLogin {
    Credentials credentials;
    Tare__V1__RegistryCredentials sent;
    Tare__V1__RegistryCredentials *message; /* NULL: none */
} RegistryLogin;

/* `ret` must not move. */
int registry_login_find(const char *reference, RegistryLogin *ret, Error *err);

static inline void registry_login_done(RegistryLogin *login) {
    credentials_done(&login->credentials);
}
CLEANUP_DEFINE_DONE(RegistryLogin, registry_login_done)
