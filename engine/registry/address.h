// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>

#include "engine/registry/http.h"
#include "engine/registry/registry.h"

/* Where a registry answers, and what may be said there. Private to engine/registry. */
typedef struct Endpoint {
    char *base;               /* "https://host[:port][/path]", without a slash at the end */
    bool whole_path;          /* base is not followed by "/v2" */
    bool verify;              /* TLS certificates */
    bool mirror;              /* never gets the user's credentials */
    bool loopback;            /* the host is this machine */
    bool credentials;         /* may get them: https, or this machine */
    bool no_pull, no_resolve; /* gives nothing, gives nothing by tag */
    bool no_push;             /* takes nothing */
    HttpIdentity identity;
    char *username, *password; /* of the configuration; NULL: none */
    char *registry;            /* of which a mirror is told that it stands for it; NULL: not told */
} Endpoint;

typedef struct Endpoints {
    size_t n;
    Endpoint *item; /* in the order to try */
} Endpoints;

/* ERROR_DENIED: blocked by configuration. */
int endpoints_list(
    const RegistryConfig *config, const char *domain, const char *path, Endpoints *ret, Error *err);
void endpoints_done(Endpoints *endpoints);

/* New string; kind is "manifests" or "blobs". */
char *endpoint_url(const Endpoint *endpoint, const char *path, const char *kind, const char *name);

/* Is "host[:port]" this machine? Is the address in a network, "ADDRESS/BITS"? A name is in none. */
bool address_is_loopback(const char *domain);
bool address_in_network(const char *host, const char *network);

/* The host that answers for a registry's name. */
const char *endpoint_host(const char *domain);

/* An absolute http or https URL; skip_verify: any certificate will do. */
int endpoint_set_url(Endpoint *endpoint, const char *url, bool skip_verify, Error *err);

/* Adds a file of certificates to what is trusted there. */
int identity_add_ca(HttpIdentity *identity, int dir, const char *path, Error *err);

/* May a token be asked for at this URL on behalf of the endpoint; with credentials? */
bool endpoint_allows_realm(const Endpoint *endpoint, const char *realm);
bool endpoint_trusts_realm(const Endpoint *endpoint, const char *realm);
