// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>

#include "engine/registry/registry.h"

/* Where a registry answers, and what may be said there. Private to engine/registry. */
typedef struct Endpoint {
    char *base;       /* "https://host[:port]", without a slash at the end */
    bool verify;      /* TLS certificates */
    bool mirror;      /* never gets credentials */
    bool loopback;    /* the host is this machine */
    bool credentials; /* may get them: https, or this machine */
} Endpoint;

typedef struct Endpoints {
    size_t n;
    Endpoint *item; /* in the order to try */
} Endpoints;

int endpoints_list(const RegistryConfig *config, const char *domain, Endpoints *ret, Error *err);
void endpoints_done(Endpoints *endpoints);

/* May a token be asked for at this URL on behalf of the endpoint; with credentials? */
bool endpoint_allows_realm(const Endpoint *endpoint, const char *realm);
bool endpoint_trusts_realm(const Endpoint *endpoint, const char *realm);
