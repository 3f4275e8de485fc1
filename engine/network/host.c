// SPDX-License-Identifier: Apache-2.0
#include "engine/network/driver.h"

/* The container shares the engine's own network: nothing to make, nothing to remove. Published
 * ports mean nothing, as with Docker. */
static int host_attach(
    Network *network, const EndpointRequest *request, Endpoint *endpoint, Error *err) {
    return 0;
}

const NetworkDriver host_driver = {.name = "host", .attach = host_attach};
