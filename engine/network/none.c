// SPDX-License-Identifier: Apache-2.0
#include "base/cleanup.h"
#include "engine/network/driver.h"
#include "engine/network/sandbox.h"

/* A network namespace with nothing but loopback. Published ports mean nothing, as with Docker. */
static int none_attach(
    Network *network, const EndpointRequest *request, Endpoint *endpoint, Error *err) {
    autoptr(Netlink) inside = NULL;
    autoclose int ns = -1;
    endpoint->sandbox = sandbox_path(network->sandboxes, request->container);
    return sandbox_create(endpoint->sandbox, &ns, &inside, err);
}

const NetworkDriver none_driver = {.name = "none", .attach = none_attach};
