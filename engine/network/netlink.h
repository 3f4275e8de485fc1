// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "engine/network/address.h"
#include "engine/network/network.h"

/* One rtnetlink socket. It belongs for ever to the network namespace of the thread that opened it,
 * whichever thread uses it later. Requests are queued and go to the kernel together at
 * netlink_flush: a container's whole network is three or four system calls. Not locked. The only
 * door to libmnl. */
typedef struct Netlink Netlink;

int netlink_open(Netlink **ret, Error *err);
void netlink_close(Netlink *netlink);
CLEANUP_DEFINE(Netlink, netlink_close)

typedef struct Link {
    int index, master;
    char name[NETWORK_INTERFACE_SIZE], kind[16]; /* kind: "bridge", "veth", …, or "" */
    char alias[32];                              /* a note for people, ip-link(8) */
    bool up;
} Link;

/* ERROR_NOT_FOUND. */
int netlink_find_link(Netlink *netlink, const char *name, Link *ret, Error *err);

/* New array of all links of the namespace. */
int netlink_list_links(Netlink *netlink, Link **ret, size_t *ret_n, Error *err);

/* New array of the IPv4 addresses of interface `index` (0: of all), in the kernel's order. */
int netlink_list_addresses(Netlink *netlink, int index, Subnet **ret, size_t *ret_n, Error *err);

/* New array of what IPv4 routes lead to, default routes left out. */
int netlink_list_routes(Netlink *netlink, Subnet **ret, size_t *ret_n, Error *err);

/* A pair: `name` here, `peer` with the hardware address in the namespace `peer_ns`; both down. */
typedef struct VethPair {
    const char *name, *peer;
    int peer_ns;
    uint8_t peer_mac[6];
    unsigned mtu;
} VethPair;
void netlink_add_veth(Netlink *netlink, const VethPair *pair);
void netlink_add_bridge(Netlink *netlink, const char *name, const uint8_t mac[6], unsigned mtu);

/* Puts the port into the bridge `master`, without an IPv6 address of its own, and up. */
typedef struct BridgePort {
    const char *name;
    int master;
    bool isolated; /* reaches the host, but no other isolated port */
    bool hairpin;  /* what came in by it may go out by it */
} BridgePort;
void netlink_add_port(Netlink *netlink, const BridgePort *port);

void netlink_set_alias(Netlink *netlink, const char *name, const char *alias);
void netlink_set_up(Netlink *netlink, const char *name);
void netlink_set_down(Netlink *netlink, const char *name);
void netlink_remove_link(Netlink *netlink, const char *name);

/* Many at once: removing an interface waits for a grace period, removing a group waits only once.
 */
void netlink_set_group(Netlink *netlink, const char *name, uint32_t group);
void netlink_remove_group(Netlink *netlink, uint32_t group);

void netlink_add_address(Netlink *netlink, int index, const Subnet *address);
void netlink_add_default_route(Netlink *netlink, int index, uint32_t gateway);

/* Sends what is queued. All requests are tried; the error is the first one's. */
int netlink_flush(Netlink *netlink, Error *err);
