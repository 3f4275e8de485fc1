// SPDX-License-Identifier: Apache-2.0
/* How it works. The lock protects what is remembered (addresses, ports, attachments) and the packet
 * filter; it is not held while a namespace or an interface is made or removed, so that containers
 * start side by side. An address is released last, when nobody answers to it any more. Everything
 * in the system is found again by name, and made again when somebody has removed it. */
#include "engine/network/bridge.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/network/address.h"
#include "engine/network/conntrack.h"
#include "engine/network/driver.h"
#include "engine/network/firewall.h"
#include "engine/network/netlink.h"
#include "engine/network/ports.h"
#include "engine/network/sandbox.h"

/* ---- configuration ---- */

/* The name goes into procfs paths and into nft's language. */
static int check_interface_name(const char *name, Error *err) {
    size_t n = strlen(name);
    bool good = n > 0 && n < NETWORK_INTERFACE_SIZE && name[0] != '.' && name[0] != '-';
    for (size_t i = 0; i < n; i++)
        good = good && (isalnum((unsigned char)name[i]) || strchr("-_.", name[i]));
    return good ? 0 : error_set(err, ERROR_INVALID, "invalid bridge name: '%s'", name);
}

int bridge_new(const NetworkConfig *config, Bridge **ret, Error *err) {
    autoptr(Bridge) bridge = new (Bridge);
    const char *name = text_is_empty(config->bridge) ? "tare0" : config->bridge;
    const char *host_ip = text_is_empty(config->host_ip) ? "0.0.0.0" : config->host_ip;
    uint32_t ip;
    pthread_mutex_init(&bridge->lock, NULL);
    TRY(check_interface_name(name, err));
    TRY(ip_parse(host_ip, &ip, err));
    if (!text_is_empty(config->subnet))
        TRY(subnet_parse(config->subnet, &bridge->subnet, err));
    ip_format(ip, bridge->host_ip);
    snprintf(bridge->name, sizeof bridge->name, "%s", name);
    bridge->mtu = config->mtu;
    bridge->icc = !config->no_icc;
    bridge->masquerade = !config->no_masquerade;
    bridge->forward = !config->no_forward;
    bridge->firewall = firewall_new(name);
    *ret = take_ptr(&bridge);
    return 0;
}

void bridge_free(Bridge *bridge) {
    if (!bridge)
        return;
    watch_free(bridge->watch);
    address_pool_done(&bridge->addresses);
    port_table_done(&bridge->ports);
    firewall_free(bridge->firewall);
    free(bridge->attachment);
    pthread_mutex_destroy(&bridge->lock);
    free(bridge);
}

void bridge_subnet(Bridge *bridge, char ret[NETWORK_SUBNET_SIZE]) {
    pthread_mutex_lock(&bridge->lock);
    if (bridge->subnet.ip)
        subnet_format(&bridge->subnet, ret);
    else
        ret[0] = '\0';
    pthread_mutex_unlock(&bridge->lock);
}

/* ---- recovery ---- */

static Attachment *find_attachment(const Bridge *bridge, const char *endpoint) {
    for (size_t i = 0; i < bridge->attachments_n; i++) {
        if (text_equal(bridge->attachment[i].endpoint, endpoint))
            return &bridge->attachment[i];
    }
    return NULL;
}

static void add_attachment(Bridge *bridge, const Endpoint *endpoint, uint32_t ip, bool published) {
    Attachment attachment = {.ip = ip, .published = published};
    snprintf(attachment.endpoint, sizeof attachment.endpoint, "%s", endpoint->id);
    snprintf(attachment.interface, sizeof attachment.interface, "%s", endpoint->interface);
    array_append(bridge->attachment, bridge->attachments_n, attachment);
}

static int adopt_ports(Bridge *bridge, const Endpoint *endpoint, Error *err) {
    PortRequest request = {.endpoint = endpoint->id, .ip = endpoint->ip, .adopt = true};
    int result = 0;
    for (size_t i = 0; i < endpoint->ports_n; i++) {
        PortBinding binding = endpoint->ports[i];
        int r = port_table_reserve(&bridge->ports, &request, &binding, err);
        result = r < 0 ? r : result;
    }
    return result;
}

static int bridge_adopt(Network *network, const Endpoint *endpoint, Error *err) {
    Bridge *bridge = network->bridge;
    uint32_t ip;
    TRY(ip_parse(endpoint->ip, &ip, err));
    pthread_mutex_lock(&bridge->lock);
    int r = address_pool_take(&bridge->addresses, ip, err);
    if (r == 0) {
        add_attachment(bridge, endpoint, ip, endpoint->ports_n > 0);
        r = adopt_ports(bridge, endpoint, err);
    }
    pthread_mutex_unlock(&bridge->lock);
    return r;
}

/* In the watch's thread, after every deletion of our table, so also after our own. Should this
 * fail, the next published port finds out and says so. */
static void restore_firewall(void *context) {
    Bridge *bridge = context;
    Error ignored;
    pthread_mutex_lock(&bridge->lock);
    FirewallState state = bridge_firewall_state(bridge);
    if (bridge->ready)
        firewall_restore(bridge->firewall, &state, &ignored);
    pthread_mutex_unlock(&bridge->lock);
}

static int bridge_start(Network *network, Error *err) {
    Bridge *bridge = network->bridge;
    if (!bridge->watch)
        TRY(watch_new(
            firewall_table(bridge->firewall), restore_firewall, bridge, &bridge->watch, err));
    pthread_mutex_lock(&bridge->lock);
    int r = bridge_set_up(bridge, err);
    if (r == 0)
        r = bridge_sweep(bridge, err);
    pthread_mutex_unlock(&bridge->lock);
    return r;
}

/* ---- attach ---- */

static int explain_ports(const EndpointRequest *request, const Endpoint *endpoint, Error *err) {
    return error_prefix(err, "driver failed programming external connectivity on endpoint %s (%s)",
        request->name, endpoint->id);
}

static int reserve_ports(
    Bridge *bridge, const EndpointRequest *request, Endpoint *endpoint, Error *err) {
    PortRequest port = {.endpoint = endpoint->id, .ip = endpoint->ip};
    for (size_t i = 0; i < request->ports_n; i++) {
        PortBinding binding = request->ports[i];
        if (binding.host_ip[0] == '\0')
            memcpy(binding.host_ip, bridge->host_ip, sizeof binding.host_ip);
        if (port_table_reserve(&bridge->ports, &port, &binding, err) < 0)
            return explain_ports(request, endpoint, err);
        array_append(endpoint->ports, endpoint->ports_n, binding);
    }
    return 0;
}

/* With the lock held: all that is only remembered. */
static int reserve(Bridge *bridge, const EndpointRequest *request, Endpoint *endpoint, Error *err) {
    uint32_t ip;
    uint8_t mac[6];
    char random[9];
    if (!bridge->ready)
        TRY(bridge_set_up(bridge, err));
    TRY(address_pool_find(&bridge->addresses, &bridge->subnet, &ip, err));
    text_random_hex(random, 4);
    snprintf(endpoint->interface, sizeof endpoint->interface, BRIDGE_VETH_PREFIX "%s", random);
    mac_from_ip(ip, mac);
    mac_format(mac, endpoint->mac);
    ip_format(ip, endpoint->ip);
    ip_format(bridge->subnet.ip, endpoint->gateway);
    endpoint->prefix = bridge->subnet.prefix;
    add_attachment(bridge, endpoint, ip, request->ports_n > 0);
    return reserve_ports(bridge, request, endpoint, err);
}

/* Makes the bridge again if somebody has removed it. */
static int find_own_link(Bridge *bridge, Netlink *netlink, Link *ret, Error *err) {
    int r = netlink_find_link(netlink, bridge->name, ret, err);
    if (r != ERROR_NOT_FOUND)
        return r;
    pthread_mutex_lock(&bridge->lock);
    r = bridge_set_up(bridge, err);
    pthread_mutex_unlock(&bridge->lock);
    TRY(r);
    return netlink_find_link(netlink, bridge->name, ret, err);
}

static int create_pair(
    Bridge *bridge, Netlink *host, int ns, const Endpoint *endpoint, Error *err) {
    VethPair pair = {
        .name = endpoint->interface, .peer = "eth0", .peer_ns = ns, .mtu = bridge->mtu};
    Link own;
    uint32_t ip;
    TRY(ip_parse(endpoint->ip, &ip, err));
    mac_from_ip(ip, pair.peer_mac);
    TRY(find_own_link(bridge, host, &own, err));
    netlink_add_veth(host, &pair);
    BridgePort port = bridge_port(bridge, endpoint->interface, own.index, endpoint->ports_n > 0);
    netlink_add_port(host, &port);
    if (netlink_flush(host, err) < 0)
        return err->sys == EXFULL ? error_set(err, ERROR_EXHAUSTED,
                                        "the bridge '%s' has no free port: the kernel "
                                        "allows 1023",
                                        bridge->name)
                                  : err->code;
    return 0;
}

static int configure_peer(Netlink *inside, const Endpoint *endpoint, Error *err) {
    Subnet address = {.prefix = endpoint->prefix};
    uint32_t gateway;
    Link peer;
    TRY(ip_parse(endpoint->ip, &address.ip, err));
    TRY(ip_parse(endpoint->gateway, &gateway, err));
    TRY(netlink_find_link(inside, "eth0", &peer, err));
    netlink_add_address(inside, peer.index, &address);
    netlink_set_up(inside, "eth0");
    netlink_add_default_route(inside, peer.index, gateway);
    return netlink_flush(inside, err);
}

/* Without the kernel's nf_conntrack_netlink old flows go astray until they time out: no reason to
 * run no container. */
static void forget_flows(const Endpoint *endpoint) {
    Error ignored;
    conntrack_forget(endpoint->ports, endpoint->ports_n, &ignored);
}

static int publish(
    Bridge *bridge, const EndpointRequest *request, const Endpoint *endpoint, Error *err) {
    if (endpoint->ports_n == 0)
        return 0;
    pthread_mutex_lock(&bridge->lock);
    FirewallState state = bridge_firewall_state(bridge);
    port_table_publish(&bridge->ports, endpoint->id, true);
    int r = firewall_add(bridge->firewall, &state, endpoint->id, err);
    if (r < 0)
        port_table_publish(&bridge->ports, endpoint->id, false);
    pthread_mutex_unlock(&bridge->lock);
    if (r < 0)
        return explain_ports(request, endpoint, err);
    forget_flows(endpoint);
    return 0;
}

static int bridge_attach(
    Network *network, const EndpointRequest *request, Endpoint *endpoint, Error *err) {
    Bridge *bridge = network->bridge;
    autoptr(Netlink) host = NULL;
    autoptr(Netlink) inside = NULL;
    autoclose int ns = -1;
    pthread_mutex_lock(&bridge->lock);
    int r = reserve(bridge, request, endpoint, err);
    pthread_mutex_unlock(&bridge->lock);
    TRY(r);
    TRY(netlink_open(&host, err));
    endpoint->sandbox = sandbox_path(network->sandboxes, request->container);
    TRY(sandbox_create(endpoint->sandbox, &ns, &inside, err));
    TRY(create_pair(bridge, host, ns, endpoint, err));
    TRY(configure_peer(inside, endpoint, err));
    return publish(bridge, request, endpoint, err);
}

/* ---- detach ---- */

/* The ports are free as soon as no packet is led to the container: in one go, so that the filter is
 * never made from a table that still holds them. */
static int unpublish(Bridge *bridge, const Endpoint *endpoint, Error *err) {
    pthread_mutex_lock(&bridge->lock);
    FirewallState state = bridge_firewall_state(bridge);
    int r = firewall_remove(bridge->firewall, &state, endpoint->id, err);
    if (r == 0)
        port_table_release(&bridge->ports, endpoint->id);
    pthread_mutex_unlock(&bridge->lock);
    return r;
}

/* Removing an interface waits for a grace period of the kernel, some 30 ms; taking it down does
 * not, and disconnects as well: from here on nobody answers to the address. The kernel removes the
 * pair with the namespace, in the background. */
static int disconnect(const Endpoint *endpoint, Error *err) {
    autoptr(Netlink) netlink = NULL;
    if (endpoint->interface[0] == '\0')
        return 0;
    TRY(netlink_open(&netlink, err));
    netlink_set_down(netlink, endpoint->interface);
    int r = netlink_flush(netlink, err);
    return r == ERROR_NOT_FOUND ? 0 : r;
}

/* Only what this very endpoint holds: its address may be another container's by now. */
static void forget(Bridge *bridge, const Endpoint *endpoint) {
    pthread_mutex_lock(&bridge->lock);
    Attachment *attachment = find_attachment(bridge, endpoint->id);
    if (attachment) {
        address_pool_release(&bridge->addresses, attachment->ip);
        *attachment = bridge->attachment[--bridge->attachments_n];
    }
    pthread_mutex_unlock(&bridge->lock);
}

/* While packets may still be led to the address it stays taken: nobody else shall get them. */
static int bridge_detach(Network *network, const Endpoint *endpoint, Error *err) {
    TRY(disconnect(endpoint, err));
    TRY(unpublish(network->bridge, endpoint, err));
    forget_flows(endpoint);
    forget(network->bridge, endpoint);
    return 0;
}

static int bridge_tear_down(Network *network, Error *err) {
    Bridge *bridge = network->bridge;
    pthread_mutex_lock(&bridge->lock);
    int r = bridge->attachments_n == 0 ? bridge_remove(bridge, err) : 0;
    pthread_mutex_unlock(&bridge->lock);
    return r;
}

const NetworkDriver bridge_driver = {
    .name = "bridge",
    .adopt = bridge_adopt,
    .start = bridge_start,
    .attach = bridge_attach,
    .detach = bridge_detach,
    .tear_down = bridge_tear_down,
};
