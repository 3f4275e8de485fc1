// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <pthread.h>

#include "engine/network/address.h"
#include "engine/network/firewall.h"
#include "engine/network/netlink.h"
#include "engine/network/network.h"
#include "engine/network/ports.h"
#include "engine/network/watch.h"

/* The default network: a bridge of our own, an address for each container, and the packet filter.
 * Owned by the Network. */

#define BRIDGE_VETH_PREFIX "tveth" /* of the interfaces that we make */

typedef struct Attachment {
    char endpoint[65], interface[NETWORK_INTERFACE_SIZE];
    uint32_t ip;
    bool published;
} Attachment;

typedef struct Bridge {
    char name[NETWORK_INTERFACE_SIZE], host_ip[NETWORK_IP_SIZE];
    unsigned mtu;
    bool icc, masquerade, forward;
    Watch *watch;         /* takes the lock; NULL before the start */
    pthread_mutex_t lock; /* of what follows */
    bool ready;
    Subnet subnet; /* ip 0: not chosen yet */
    AddressPool addresses;
    PortTable ports;
    Firewall *firewall;
    Attachment *attachment;
    size_t attachments_n;
} Bridge;

int bridge_new(const NetworkConfig *config, Bridge **ret, Error *err);
void bridge_free(Bridge *bridge);
CLEANUP_DEFINE(Bridge, bridge_free)

/* "gateway/prefix", "" before one is chosen. */
void bridge_subnet(Bridge *bridge, char ret[NETWORK_SUBNET_SIZE]);

/* The following with the lock held. */

/* Makes interface, address, sysctls and packet filter whole, and connects all attachments. */
int bridge_set_up(Bridge *bridge, Error *err);

/* Removes interfaces of our making that no attachment claims. */
int bridge_sweep(const Bridge *bridge, Error *err);

/* Removes the packet filter, and the bridge if it is of our making and nobody else's port is in it.
 */
int bridge_remove(Bridge *bridge, Error *err);

FirewallState bridge_firewall_state(const Bridge *bridge);
BridgePort bridge_port(const Bridge *bridge, const char *interface, int master, bool published);
