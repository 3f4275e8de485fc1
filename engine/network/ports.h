// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/network/network.h"

/* The host ports that containers hold. Each is held by a bound socket which never listens, so that
 * no other process takes the port while the packet filter leads its traffic to a container. Not
 * locked: its owner's lock protects it. */
typedef struct Port {
    PortBinding binding;
    char ip[NETWORK_IP_SIZE]; /* of the container */
    char endpoint[65];
    int socket;     /* -1: a process of the host has it; known only after recovery */
    bool published; /* the packet filter leads its traffic to the container, or shall */
} Port;

typedef struct PortTable {
    Port *item;
    size_t n;
} PortTable;
void port_table_done(PortTable *table);

/* Reserves binding->host_port, or for 0 finds a free one and fills it in. ERROR_EXISTS, in Docker's
 * words: a container has it, or a process of the host. The latter does not stop an adopted one:
 * `adopt` adds it to the table before it fails. */
typedef struct PortRequest {
    const char *endpoint, *ip;
    bool adopt;
} PortRequest;
int port_table_reserve(
    PortTable *table, const PortRequest *request, PortBinding *binding, Error *err);

/* Adopted ports are published, others at first not. */
void port_table_publish(PortTable *table, const char *endpoint, bool published);

/* Gives all ports of the endpoint back. */
void port_table_release(PortTable *table, const char *endpoint);
