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
#include "engine/network/driver.h"
#include "engine/network/firewall.h"
#include "engine/network/netlink.h"
#include "engine/network/ports.h"
#include "engine/network/sandbox.h"

#define VETH_PREFIX "tveth"

typedef struct Attachment {
    char endpoint[65], interface[NETWORK_INTERFACE_SIZE];
    uint32_t ip;
    bool published;
} Attachment;

struct Bridge {
    char name[NETWORK_INTERFACE_SIZE], host_ip[NETWORK_IP_SIZE];
    unsigned mtu;
    bool icc, masquerade, forward;
    pthread_mutex_t lock;
    bool ready;
    Subnet subnet; /* ip 0: not chosen yet */
    AddressPool addresses;
    PortTable ports;
    Firewall *firewall;
    Attachment *attachment;
    size_t attachments_n;
};

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

/* With br_netfilter the packet filter sees, and translates, also what goes from port to port: then
 * it is the filter that keeps containers apart (an isolated port would not even get what was sent
 * to a published port), and a container that speaks to its own published port needs a hairpin. */
static BridgePort bridge_port(
    const Bridge *bridge, const char *interface, int master, bool published) {
    autodone(Text) filtered = {};
    Error ignored;
    bool apart = !bridge->icc;
    if (apart && file_read(AT_FDCWD, "/proc/sys/net/bridge/bridge-nf-call-iptables", 16, &filtered,
                     &ignored) >= 0)
        apart = !text_equal(filtered.data, "1\n");
    return (BridgePort){
        .name = interface, .master = master, .isolated = apart, .hairpin = published};
}

static FirewallState firewall_state(const Bridge *bridge) {
    return (FirewallState){.subnet = bridge->subnet,
        .icc = bridge->icc,
        .masquerade = bridge->masquerade,
        .ports = &bridge->ports};
}

/* ---- set-up, with the lock held ---- */

typedef struct SetUp {
    Bridge *bridge;
    Netlink *netlink;
    int index;
    bool created;
} SetUp;

static int choose_subnet(SetUp *up, Error *err) {
    autofree Subnet *own = NULL, *routes = NULL, *addresses = NULL;
    size_t own_n = 0, routes_n = 0, addresses_n = 0;
    if (up->bridge->subnet.ip)
        return 0;
    if (up->index)
        TRY(netlink_list_addresses(up->netlink, up->index, &own, &own_n, err));
    if (own_n > 0 && own[0].prefix >= 8 && own[0].prefix <= 30) {
        up->bridge->subnet = own[0];
        return 0;
    }
    TRY(netlink_list_routes(up->netlink, &routes, &routes_n, err));
    TRY(netlink_list_addresses(up->netlink, 0, &addresses, &addresses_n, err));
    for (size_t i = 0; i < addresses_n; i++)
        array_append(routes, routes_n, addresses[i]);
    return subnet_choose(routes, routes_n, &up->bridge->subnet, err);
}

static int find_bridge(SetUp *up, Error *err) {
    Link link;
    int r = netlink_find_link(up->netlink, up->bridge->name, &link, err);
    if (r == ERROR_NOT_FOUND)
        return 0;
    TRY(r);
    if (!text_equal(link.kind, "bridge"))
        return error_set(
            err, ERROR_EXISTS, "the interface '%s' exists but is not a bridge", up->bridge->name);
    up->index = link.index;
    return 0;
}

static int create_bridge(SetUp *up, Error *err) {
    uint8_t mac[6];
    if (up->index)
        return 0;
    mac_from_ip(up->bridge->subnet.ip, mac);
    netlink_add_bridge(up->netlink, up->bridge->name, mac, up->bridge->mtu);
    TRY(netlink_flush(up->netlink, err));
    up->created = true;
    return find_bridge(up, err);
}

static int set_sysctl(const char *name, const char *value, Error *err) {
    autodone(Text) now = {};
    autoclose int sysctls = -1;
    TRY(file_open(AT_FDCWD, "/proc/sys", O_PATH | O_DIRECTORY, 0, &sysctls, err));
    TRY(file_read(sysctls, name, 256, &now, err));
    if (now.length > 0 && strncmp(now.data, value, strlen(value)) == 0 &&
        now.data[strlen(value)] == '\n')
        return 0;
    if (file_write_kernel(sysctls, name, value, err) < 0)
        return error_prefix(err, "cannot set sysctl %s to %s", name, value);
    return 0;
}

static int set_bridge_sysctl(
    const SetUp *up, const char *family, const char *name, const char *value, Error *err) {
    autofree char *path = text_format("net/%s/conf/%s/%s", family, up->bridge->name, name);
    int r = set_sysctl(path, value, err);
    return r == ERROR_NOT_FOUND && text_equal(family, "ipv6") ? 0 : r;
}

/* No IPv6 address on a bridge whose packets no filter of ours sees; an administrator's own bridge
 * keeps its addresses, but does not believe the announcements of containers. */
static int quiet_ipv6(SetUp *up, Error *err) {
    TRY(set_bridge_sysctl(up, "ipv6", "accept_ra", "0", err));
    return up->created ? set_bridge_sysctl(up, "ipv6", "disable_ipv6", "1", err) : 0;
}

static int add_bridge_address(SetUp *up, Error *err) {
    autofree Subnet *own = NULL;
    size_t n = 0;
    TRY(netlink_list_addresses(up->netlink, up->index, &own, &n, err));
    bool there = false;
    for (size_t i = 0; i < n; i++)
        there = there ||
                (own[i].ip == up->bridge->subnet.ip && own[i].prefix == up->bridge->subnet.prefix);
    if (!there)
        netlink_add_address(up->netlink, up->index, &up->bridge->subnet);
    netlink_set_up(up->netlink, up->bridge->name);
    return netlink_flush(up->netlink, err);
}

static int apply_firewall(SetUp *up, Error *err) {
    FirewallState state = firewall_state(up->bridge);
    return firewall_apply(up->bridge->firewall, &state, err);
}

/* After the filter, which keeps containers from this machine's loopback services. */
static int route_loopback(SetUp *up, Error *err) {
    return set_bridge_sysctl(up, "ipv4", "route_localnet", "1", err);
}

static int enable_forwarding(SetUp *up, Error *err) {
    return up->bridge->forward ? set_sysctl("net/ipv4/ip_forward", "1", err) : 0;
}

/* The bridge may be a new one, while containers still run. */
static int connect_attachments(SetUp *up, Error *err) {
    for (size_t i = 0; up->created && i < up->bridge->attachments_n; i++) {
        const Attachment *attachment = &up->bridge->attachment[i];
        BridgePort port =
            bridge_port(up->bridge, attachment->interface, up->index, attachment->published);
        netlink_add_port(up->netlink, &port);
        int r = netlink_flush(up->netlink, err);
        if (r < 0 && r != ERROR_NOT_FOUND)
            return r;
    }
    return 0;
}

static int set_up(Bridge *bridge, Error *err) {
    static int (*const steps[])(SetUp *, Error *) = {
        find_bridge,
        choose_subnet,
        create_bridge,
        quiet_ipv6,
        add_bridge_address,
        enable_forwarding,
        apply_firewall,
        route_loopback,
        connect_attachments,
    };
    autoptr(Netlink) netlink = NULL;
    TRY(netlink_open(&netlink, err));
    SetUp up = {.bridge = bridge, .netlink = netlink};
    for (size_t i = 0; i < array_size(steps); i++)
        TRY(steps[i](&up, err));
    bridge->ready = true;
    return 0;
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

static bool is_claimed(const Bridge *bridge, const char *interface) {
    for (size_t i = 0; i < bridge->attachments_n; i++) {
        if (text_equal(bridge->attachment[i].interface, interface))
            return true;
    }
    return false;
}

/* Only ports of our bridge with names of our making: an administrator may have added others. */
static int sweep_interfaces(const Bridge *bridge, Error *err) {
    autoptr(Netlink) netlink = NULL;
    autofree Link *links = NULL;
    size_t n = 0;
    Link own;
    TRY(netlink_open(&netlink, err));
    TRY(netlink_find_link(netlink, bridge->name, &own, err));
    TRY(netlink_list_links(netlink, &links, &n, err));
    for (size_t i = 0; i < n; i++) {
        if (links[i].master != own.index || !text_equal(links[i].kind, "veth") ||
            !text_starts(links[i].name, VETH_PREFIX) || is_claimed(bridge, links[i].name))
            continue;
        netlink_remove_link(netlink, links[i].name);
        int r = netlink_flush(netlink, err);
        if (r < 0 && r != ERROR_NOT_FOUND)
            return r;
    }
    return 0;
}

static int bridge_start(Network *network, Error *err) {
    Bridge *bridge = network->bridge;
    pthread_mutex_lock(&bridge->lock);
    int r = set_up(bridge, err);
    if (r == 0)
        r = sweep_interfaces(bridge, err);
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
        TRY(set_up(bridge, err));
    TRY(address_pool_find(&bridge->addresses, &bridge->subnet, &ip, err));
    text_random_hex(random, 4);
    snprintf(endpoint->interface, sizeof endpoint->interface, VETH_PREFIX "%s", random);
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
    r = set_up(bridge, err);
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

static int publish(
    Bridge *bridge, const EndpointRequest *request, const Endpoint *endpoint, Error *err) {
    if (endpoint->ports_n == 0)
        return 0;
    pthread_mutex_lock(&bridge->lock);
    FirewallState state = firewall_state(bridge);
    int r = firewall_add(bridge->firewall, &state, endpoint->id, err);
    pthread_mutex_unlock(&bridge->lock);
    return r < 0 ? explain_ports(request, endpoint, err) : 0;
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

static int unpublish(Bridge *bridge, const Endpoint *endpoint, Error *err) {
    pthread_mutex_lock(&bridge->lock);
    FirewallState state = firewall_state(bridge);
    int r = firewall_remove(bridge->firewall, &state, endpoint->id, err);
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
    port_table_release(&bridge->ports, endpoint->id);
    if (attachment) {
        address_pool_release(&bridge->addresses, attachment->ip);
        *attachment = bridge->attachment[--bridge->attachments_n];
    }
    pthread_mutex_unlock(&bridge->lock);
}

static int bridge_detach(Network *network, const Endpoint *endpoint, Error *err) {
    TRY(unpublish(network->bridge, endpoint, err));
    TRY(disconnect(endpoint, err));
    forget(network->bridge, endpoint);
    return 0;
}

static int bridge_tear_down(Network *network, Error *err) {
    Bridge *bridge = network->bridge;
    autoptr(Netlink) netlink = NULL;
    TRY(netlink_open(&netlink, err));
    pthread_mutex_lock(&bridge->lock);
    int r = 0;
    if (bridge->attachments_n == 0) {
        netlink_remove_link(netlink, bridge->name);
        r = netlink_flush(netlink, err);
        if (r == 0 || r == ERROR_NOT_FOUND)
            r = firewall_tear_down(bridge->firewall, err);
        bridge->ready = false;
    }
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
