// SPDX-License-Identifier: Apache-2.0
/* How the bridge is made whole: a list of steps, each of which finds out what is there already. */
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/network/bridge.h"

/* With br_netfilter the packet filter sees, and translates, also what goes from port to port: then
 * it is the filter that keeps containers apart (an isolated port would not even get what was sent
 * to a published port), and a container that speaks to its own published port needs a hairpin. */
BridgePort bridge_port(const Bridge *bridge, const char *interface, int master, bool published) {
    autodone(Text) filtered = {};
    Error ignored;
    bool apart = !bridge->icc;
    if (apart && file_read(AT_FDCWD, "/proc/sys/net/bridge/bridge-nf-call-iptables", 16, &filtered,
                     &ignored) >= 0)
        apart = !text_equal(filtered.data, "1\n");
    return (BridgePort){
        .name = interface, .master = master, .isolated = apart, .hairpin = published};
}

FirewallState bridge_firewall_state(const Bridge *bridge) {
    return (FirewallState){.subnet = bridge->subnet,
        .icc = bridge->icc,
        .masquerade = bridge->masquerade,
        .ports = &bridge->ports};
}

/* The bridge's alias: an administrator's bridge is not ours to remove. */
static const char made_by_us[] = "tare";

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
    netlink_set_alias(up->netlink, up->bridge->name, made_by_us);
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
    FirewallState state = bridge_firewall_state(up->bridge);
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

int bridge_set_up(Bridge *bridge, Error *err) {
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

static bool is_claimed(const Bridge *bridge, const char *interface) {
    for (size_t i = 0; i < bridge->attachments_n; i++) {
        if (text_equal(bridge->attachment[i].interface, interface))
            return true;
    }
    return false;
}

/* Only ports of our bridge with names of our making: an administrator may have added others. */
static bool is_orphan(const Bridge *bridge, const Link *own, const Link *link) {
    return link->master == own->index && text_equal(link->kind, "veth") &&
           text_starts(link->name, BRIDGE_VETH_PREFIX) && !is_claimed(bridge, link->name);
}

/* Some may go by themselves meanwhile: their namespaces were released a moment ago. */
int bridge_sweep(const Bridge *bridge, Error *err) {
    static const uint32_t orphans = 0x74617265;
    autoptr(Netlink) netlink = NULL;
    autofree Link *links = NULL;
    size_t n = 0, found = 0;
    Link own;
    TRY(netlink_open(&netlink, err));
    TRY(netlink_find_link(netlink, bridge->name, &own, err));
    TRY(netlink_list_links(netlink, &links, &n, err));
    for (size_t i = 0; i < n; i++) {
        if (!is_orphan(bridge, &own, &links[i]))
            continue;
        netlink_set_group(netlink, links[i].name, orphans);
        int r = netlink_flush(netlink, err);
        if (r < 0 && r != ERROR_NOT_FOUND)
            return r;
        found++;
    }
    if (found == 0)
        return 0;
    netlink_remove_group(netlink, orphans);
    int r = netlink_flush(netlink, err);
    return r == ERROR_NOT_FOUND ? 0 : r;
}

static int remove_bridge(const Bridge *bridge, Error *err) {
    autoptr(Netlink) netlink = NULL;
    autofree Link *links = NULL;
    size_t n = 0;
    Link own;
    TRY(netlink_open(&netlink, err));
    int r = netlink_find_link(netlink, bridge->name, &own, err);
    if (r == ERROR_NOT_FOUND || (r == 0 && !text_equal(own.alias, made_by_us)))
        return 0;
    TRY(r);
    TRY(netlink_list_links(netlink, &links, &n, err));
    for (size_t i = 0; i < n; i++) {
        if (links[i].master == own.index && !is_orphan(bridge, &own, &links[i]))
            return 0;
    }
    netlink_remove_link(netlink, bridge->name);
    r = netlink_flush(netlink, err);
    return r == ERROR_NOT_FOUND ? 0 : r;
}

/* What keeps containers from loopback goes, so what lets them get there goes before. */
static int close_loopback(const Bridge *bridge, Error *err) {
    autofree char *path = text_format("net/ipv4/conf/%s/route_localnet", bridge->name);
    int r = set_sysctl(path, "0", err);
    return r == ERROR_NOT_FOUND ? 0 : r;
}

int bridge_remove(Bridge *bridge, Error *err) {
    bridge->ready = false;
    TRY(close_loopback(bridge, err));
    TRY(remove_bridge(bridge, err));
    return firewall_tear_down(bridge->firewall, err);
}
