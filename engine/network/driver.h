// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <pthread.h>

#include "engine/network/network.h"

/* One way of giving a container its network. A driver is one file and one row of the table in
 * network.c. Functions may be called from any thread and lock for themselves; NULL is nothing to
 * do. An endpoint comes to `attach` with id, container and network filled. */
typedef struct NetworkDriver {
    const char *name;

    /* Remembers an endpoint that exists; before start. */
    int (*adopt)(Network *network, const Endpoint *endpoint, Error *err);

    /* Makes the driver's own system state whole, and removes what nobody claims. */
    int (*start)(Network *network, Error *err);

    /* When it fails, the caller detaches what is there. */
    int (*attach)(Network *network, const EndpointRequest *request, Endpoint *endpoint, Error *err);
    int (*detach)(Network *network, const Endpoint *endpoint, Error *err);
    int (*tear_down)(Network *network, Error *err);
} NetworkDriver;

extern const NetworkDriver bridge_driver, host_driver, none_driver;

typedef struct SandboxClaim {
    char container[65], endpoint[65];
} SandboxClaim;

typedef struct Bridge Bridge;
struct Network {
    char *sandboxes; /* STATE/netns */
    Bridge *bridge;
    char **dns, **dns_search, **dns_options; /* NULL: the host's */
    pthread_mutex_t lock;                    /* of what follows */
    SandboxClaim *claim;
    size_t claims_n;
};
