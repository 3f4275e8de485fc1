// SPDX-License-Identifier: Apache-2.0
#include "engine/network/network.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/path.h"
#include "base/text.h"
#include "engine/network/bridge.h"
#include "engine/network/driver.h"
#include "engine/network/resolver.h"
#include "engine/network/sandbox.h"

static const NetworkDriver *const drivers[] = {&bridge_driver, &host_driver, &none_driver};

static int find_driver(const char *name, const NetworkDriver **ret, Error *err) {
    if (text_is_empty(name) || text_equal(name, "default"))
        name = "bridge";
    for (size_t i = 0; i < array_size(drivers); i++) {
        if (text_equal(drivers[i]->name, name)) {
            *ret = drivers[i];
            return 0;
        }
    }
    return error_set(err, ERROR_NOT_FOUND, "network %s not found", name);
}

void endpoint_done(Endpoint *endpoint) {
    free(endpoint->sandbox);
    free(endpoint->ports);
    *endpoint = (Endpoint){};
}

int network_new(const NetworkConfig *config, Network **ret, Error *err) {
    autoptr(Network) network = new (Network);
    pthread_mutex_init(&network->lock, NULL);
    network->sandboxes = path_join(config->state, "netns");
    network->dns = config->dns ? texts_copy((char *const *)config->dns) : NULL;
    network->dns_search = config->dns_search ? texts_copy((char *const *)config->dns_search) : NULL;
    network->dns_options =
        config->dns_options ? texts_copy((char *const *)config->dns_options) : NULL;
    TRY(resolver_check(&(Resolver){.servers = network->dns,
                           .search = network->dns_search,
                           .options = network->dns_options},
        err));
    TRY(bridge_new(config, &network->bridge, err));
    *ret = take_ptr(&network);
    return 0;
}

void network_free(Network *network) {
    if (!network)
        return;
    bridge_free(network->bridge);
    texts_free(network->dns);
    texts_free(network->dns_search);
    texts_free(network->dns_options);
    free(network->sandboxes);
    free(network->claim);
    pthread_mutex_destroy(&network->lock);
    free(network);
}

void network_subnet(Network *network, char ret[NETWORK_SUBNET_SIZE]) {
    bridge_subnet(network->bridge, ret);
}

/* ---- who owns which sandbox ---- */

static void claim_sandbox(Network *network, const Endpoint *endpoint) {
    SandboxClaim claim;
    memcpy(claim.container, endpoint->container, sizeof claim.container);
    memcpy(claim.endpoint, endpoint->id, sizeof claim.endpoint);
    pthread_mutex_lock(&network->lock);
    array_append(network->claim, network->claims_n, claim);
    pthread_mutex_unlock(&network->lock);
}

static void disclaim_sandbox(Network *network, const Endpoint *endpoint) {
    pthread_mutex_lock(&network->lock);
    for (size_t i = 0; i < network->claims_n; i++) {
        if (text_equal(network->claim[i].endpoint, endpoint->id)) {
            network->claim[i] = network->claim[--network->claims_n];
            break;
        }
    }
    pthread_mutex_unlock(&network->lock);
}

/* Has the container another endpoint by now, whose sandbox bears the same name? */
static bool is_superseded(Network *network, const Endpoint *endpoint) {
    bool superseded = false;
    pthread_mutex_lock(&network->lock);
    for (size_t i = 0; i < network->claims_n; i++)
        superseded = superseded || (text_equal(network->claim[i].container, endpoint->container) &&
                                       !text_equal(network->claim[i].endpoint, endpoint->id));
    pthread_mutex_unlock(&network->lock);
    return superseded;
}

static bool is_claimed(const char *container, const void *context) {
    const Network *network = context;
    for (size_t i = 0; i < network->claims_n; i++) {
        if (text_equal(network->claim[i].container, container))
            return true;
    }
    return false;
}

/* ---- life ---- */

int network_adopt(Network *network, const Endpoint *endpoint, Error *err) {
    const NetworkDriver *driver;
    TRY(find_driver(endpoint->network, &driver, err));
    claim_sandbox(network, endpoint);
    return driver->adopt ? driver->adopt(network, endpoint, err) : 0;
}

int network_start(Network *network, Error *err) {
    pthread_mutex_lock(&network->lock);
    int result = sandbox_sweep(network->sandboxes, is_claimed, network, err);
    pthread_mutex_unlock(&network->lock);
    for (size_t i = 0; i < array_size(drivers); i++) {
        int r = drivers[i]->start ? drivers[i]->start(network, err) : 0;
        result = r < 0 ? r : result;
    }
    return result;
}

int network_attach(Network *network, const EndpointRequest *request, Endpoint *ret, Error *err) {
    const NetworkDriver *driver;
    autodone(Endpoint) endpoint = {};
    TRY(find_driver(request->network, &driver, err));
    text_random_hex(endpoint.id, sizeof endpoint.id / 2);
    snprintf(endpoint.container, sizeof endpoint.container, "%s", request->container);
    snprintf(endpoint.network, sizeof endpoint.network, "%s", driver->name);
    claim_sandbox(network, &endpoint);
    if (driver->attach(network, request, &endpoint, err) < 0) {
        Error ignored; /* the first one counts; the next start sweeps what could not be removed */
        network_detach(network, &endpoint, &ignored);
        return err->code;
    }
    *ret = endpoint;
    endpoint = (Endpoint){};
    return 0;
}

int network_detach(Network *network, const Endpoint *endpoint, Error *err) {
    const NetworkDriver *driver;
    TRY(find_driver(endpoint->network, &driver, err));
    int detached = driver->detach ? driver->detach(network, endpoint, err) : 0;
    if (endpoint->sandbox && !is_superseded(network, endpoint)) {
        Error later;
        int removed = sandbox_remove(endpoint->sandbox, detached < 0 ? &later : err);
        detached = detached < 0 ? detached : removed;
    }
    disclaim_sandbox(network, endpoint);
    return detached;
}

int network_tear_down(Network *network, Error *err) {
    for (size_t i = 0; i < array_size(drivers); i++) {
        if (drivers[i]->tear_down)
            TRY(drivers[i]->tear_down(network, err));
    }
    return 0;
}
