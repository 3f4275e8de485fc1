// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/container/private.h"

ContainerEndpoint *endpoint_encode(const Endpoint *endpoint) {
    ContainerEndpoint *encoded = new (ContainerEndpoint);
    encoded->id = text_copy(endpoint->id);
    encoded->network = text_copy(endpoint->network);
    encoded->sandbox = text_copy(endpoint->sandbox);
    encoded->ip = text_copy(endpoint->ip);
    encoded->gateway = text_copy(endpoint->gateway);
    encoded->mac = text_copy(endpoint->mac);
    encoded->interface = text_copy(endpoint->interface);
    encoded->prefix = (JsonUint){true, endpoint->prefix};
    for (size_t i = 0; i < endpoint->ports_n; i++) {
        const PortBinding *from = &endpoint->ports[i];
        ContainerPort *port = json_objects_add(&encoded->ports, &container_port_type);
        port->host_ip = text_copy(from->host_ip);
        port->protocol = text_copy(port_protocol_name(from->protocol));
        port->host_port = (JsonUint){true, from->host_port};
        port->container_port = (JsonUint){true, from->container_port};
    }
    return encoded;
}

#define COPY(to, from) snprintf((to), sizeof(to), "%s", (from) ? (from) : "")

PortBinding *ports_decode(const JsonObjects *ports, size_t *ret_n) {
    PortBinding *bindings = new_array(PortBinding, ports->n + 1);
    const ContainerPort *item = ports->item;
    Error ignored;
    *ret_n = ports->n;
    for (size_t i = 0; i < ports->n; i++) {
        COPY(bindings[i].host_ip, item[i].host_ip);
        bindings[i].host_port = (uint16_t)item[i].host_port.value;
        bindings[i].container_port = (uint16_t)item[i].container_port.value;
        port_protocol_parse(
            item[i].protocol ? item[i].protocol : "", &bindings[i].protocol, &ignored);
    }
    return bindings;
}

void endpoint_decode(const ContainerEndpoint *from, const char *container, Endpoint *ret) {
    *ret = (Endpoint){.prefix = (unsigned)from->prefix.value};
    COPY(ret->id, from->id);
    COPY(ret->container, container);
    COPY(ret->network, from->network);
    COPY(ret->ip, from->ip);
    COPY(ret->gateway, from->gateway);
    COPY(ret->mac, from->mac);
    COPY(ret->interface, from->interface);
    ret->sandbox = text_copy(from->sandbox);
    ret->ports = ports_decode(&from->ports, &ret->ports_n);
}

int endpoint_leave(Containers *containers, const ContainerRecord *record, Error *err) {
    autodone(Endpoint) endpoint = {};
    if (!record->state->endpoint)
        return 0;
    endpoint_decode(record->state->endpoint, record->id, &endpoint);
    if (network_detach(containers->with.network, &endpoint, err) < 0)
        return error_prefix(err, "network");
    return 0;
}
