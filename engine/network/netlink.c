// SPDX-License-Identifier: Apache-2.0
#include "engine/network/netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "base/text.h"

enum {
    REQUESTS_MAX = 8,
    REQUESTS_SIZE = 4096,
    ANSWER_SIZE = 32768
};

struct Netlink {
    struct mnl_socket *socket;
    uint32_t first_sequence; /* of the queued requests */
    unsigned n;
    struct {
        char act[64]; /* "add the address of 'eth0'", for messages */
    } request[REQUESTS_MAX];
    size_t used;
    _Alignas(struct nlmsghdr) char queue[REQUESTS_SIZE];
};

int netlink_open(Netlink **ret, Error *err) {
    autoptr(Netlink) netlink = new (Netlink);
    netlink->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    if (!netlink->socket || mnl_socket_bind(netlink->socket, 0, MNL_SOCKET_AUTOPID) < 0)
        return error_set_errno(err, errno, "cannot open a netlink socket");
    int on = 1;
    mnl_socket_setsockopt(netlink->socket, NETLINK_EXT_ACK, &on, sizeof on);
    mnl_socket_setsockopt(netlink->socket, NETLINK_CAP_ACK, &on, sizeof on);
    netlink->first_sequence = 1;
    *ret = take_ptr(&netlink);
    return 0;
}

void netlink_close(Netlink *netlink) {
    if (!netlink)
        return;
    if (netlink->socket)
        mnl_socket_close(netlink->socket);
    free(netlink);
}

/* ---- requests ---- */

__attribute__((format(printf, 4, 5))) static struct nlmsghdr *request_begin(
    Netlink *netlink, uint16_t type, uint16_t flags, const char *format, ...) {
    /* Bounds: callers queue at most REQUESTS_MAX requests, each far below 512 bytes. */
    if (netlink->n == REQUESTS_MAX)
        abort();
    va_list args;
    va_start(args, format);
    vsnprintf(netlink->request[netlink->n].act, sizeof netlink->request[0].act, format, args);
    va_end(args);
    struct nlmsghdr *message = mnl_nlmsg_put_header(netlink->queue + netlink->used);
    message->nlmsg_type = type;
    message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
    message->nlmsg_seq = netlink->first_sequence + netlink->n;
    return message;
}

static void request_end(Netlink *netlink, struct nlmsghdr *message) {
    netlink->used += MNL_ALIGN(message->nlmsg_len);
    netlink->n++;
}

static struct ifinfomsg *put_link(struct nlmsghdr *message, bool up) {
    struct ifinfomsg *link = mnl_nlmsg_put_extra_header(message, sizeof *link);
    link->ifi_family = AF_UNSPEC;
    link->ifi_flags = link->ifi_change = up ? IFF_UP : 0;
    return link;
}

void netlink_add_veth(Netlink *netlink, const VethPair *pair) {
    struct nlmsghdr *message = request_begin(netlink, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL,
        "create the interface pair '%s'", pair->name);
    put_link(message, false);
    mnl_attr_put_strz(message, IFLA_IFNAME, pair->name);
    if (pair->mtu)
        mnl_attr_put_u32(message, IFLA_MTU, pair->mtu);
    struct nlattr *info = mnl_attr_nest_start(message, IFLA_LINKINFO);
    mnl_attr_put_strz(message, IFLA_INFO_KIND, "veth");
    struct nlattr *data = mnl_attr_nest_start(message, IFLA_INFO_DATA);
    struct nlattr *peer = mnl_attr_nest_start(message, VETH_INFO_PEER);
    put_link(message, false); /* a veth cannot be up before both ends exist */
    mnl_attr_put_strz(message, IFLA_IFNAME, pair->peer);
    mnl_attr_put_u32(message, IFLA_NET_NS_FD, (uint32_t)pair->peer_ns);
    mnl_attr_put(message, IFLA_ADDRESS, sizeof pair->peer_mac, pair->peer_mac);
    if (pair->mtu)
        mnl_attr_put_u32(message, IFLA_MTU, pair->mtu);
    mnl_attr_nest_end(message, peer);
    mnl_attr_nest_end(message, data);
    mnl_attr_nest_end(message, info);
    request_end(netlink, message);
}

void netlink_add_bridge(Netlink *netlink, const char *name, const uint8_t mac[6], unsigned mtu) {
    struct nlmsghdr *message = request_begin(
        netlink, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, "create the bridge '%s'", name);
    put_link(message, false);
    mnl_attr_put_strz(message, IFLA_IFNAME, name);
    mnl_attr_put(message, IFLA_ADDRESS, 6, mac);
    if (mtu)
        mnl_attr_put_u32(message, IFLA_MTU, mtu);
    struct nlattr *info = mnl_attr_nest_start(message, IFLA_LINKINFO);
    mnl_attr_put_strz(message, IFLA_INFO_KIND, "bridge");
    mnl_attr_nest_end(message, info);
    request_end(netlink, message);
}

/* A bridge port hands all it receives to the bridge; an address of its own only makes noise. */
static void put_no_ipv6_address(struct nlmsghdr *message) {
    struct nlattr *spec = mnl_attr_nest_start(message, IFLA_AF_SPEC);
    struct nlattr *inet6 = mnl_attr_nest_start(message, AF_INET6);
    mnl_attr_put_u8(message, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
    mnl_attr_nest_end(message, inet6);
    mnl_attr_nest_end(message, spec);
}

static void put_port_flags(Netlink *netlink, const BridgePort *port) {
    struct nlmsghdr *message =
        request_begin(netlink, RTM_NEWLINK, 0, "set the bridge port flags of '%s'", port->name);
    put_link(message, false);
    mnl_attr_put_strz(message, IFLA_IFNAME, port->name);
    struct nlattr *info = mnl_attr_nest_start(message, IFLA_LINKINFO);
    mnl_attr_put_strz(message, IFLA_INFO_SLAVE_KIND, "bridge");
    struct nlattr *data = mnl_attr_nest_start(message, IFLA_INFO_SLAVE_DATA);
    mnl_attr_put_u8(message, IFLA_BRPORT_ISOLATED, port->isolated);
    mnl_attr_put_u8(message, IFLA_BRPORT_MODE, port->hairpin);
    mnl_attr_nest_end(message, data);
    mnl_attr_nest_end(message, info);
    request_end(netlink, message);
}

void netlink_add_port(Netlink *netlink, const BridgePort *port) {
    struct nlmsghdr *message =
        request_begin(netlink, RTM_SETLINK, 0, "connect '%s' to the bridge", port->name);
    put_link(message, true);
    mnl_attr_put_strz(message, IFLA_IFNAME, port->name);
    mnl_attr_put_u32(message, IFLA_MASTER, (uint32_t)port->master);
    put_no_ipv6_address(message);
    request_end(netlink, message);
    if (port->isolated || port->hairpin)
        put_port_flags(netlink, port);
}

void netlink_set_alias(Netlink *netlink, const char *name, const char *alias) {
    struct nlmsghdr *message = request_begin(netlink, RTM_SETLINK, 0, "name '%s'", name);
    put_link(message, false);
    mnl_attr_put_strz(message, IFLA_IFNAME, name);
    mnl_attr_put_strz(message, IFLA_IFALIAS, alias);
    request_end(netlink, message);
}

void netlink_set_up(Netlink *netlink, const char *name) {
    struct nlmsghdr *message = request_begin(netlink, RTM_SETLINK, 0, "bring up '%s'", name);
    put_link(message, true);
    mnl_attr_put_strz(message, IFLA_IFNAME, name);
    request_end(netlink, message);
}

void netlink_set_down(Netlink *netlink, const char *name) {
    struct nlmsghdr *message = request_begin(netlink, RTM_SETLINK, 0, "take down '%s'", name);
    put_link(message, false)->ifi_change = IFF_UP;
    mnl_attr_put_strz(message, IFLA_IFNAME, name);
    request_end(netlink, message);
}

void netlink_remove_link(Netlink *netlink, const char *name) {
    struct nlmsghdr *message =
        request_begin(netlink, RTM_DELLINK, 0, "remove the interface '%s'", name);
    put_link(message, false);
    mnl_attr_put_strz(message, IFLA_IFNAME, name);
    request_end(netlink, message);
}

void netlink_set_group(Netlink *netlink, const char *name, uint32_t group) {
    struct nlmsghdr *message =
        request_begin(netlink, RTM_SETLINK, 0, "mark the interface '%s'", name);
    put_link(message, false);
    mnl_attr_put_strz(message, IFLA_IFNAME, name);
    mnl_attr_put_u32(message, IFLA_GROUP, group);
    request_end(netlink, message);
}

void netlink_remove_group(Netlink *netlink, uint32_t group) {
    struct nlmsghdr *message = request_begin(netlink, RTM_DELLINK, 0, "remove interfaces");
    put_link(message, false);
    mnl_attr_put_u32(message, IFLA_GROUP, group);
    request_end(netlink, message);
}

void netlink_add_address(Netlink *netlink, int index, const Subnet *address) {
    char text[NETWORK_SUBNET_SIZE];
    struct nlmsghdr *message = request_begin(netlink, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL,
        "add the address %s", subnet_format(address, text));
    struct ifaddrmsg *header = mnl_nlmsg_put_extra_header(message, sizeof *header);
    header->ifa_family = AF_INET;
    header->ifa_prefixlen = (uint8_t)address->prefix;
    header->ifa_index = (uint32_t)index;
    mnl_attr_put_u32(message, IFA_LOCAL, htonl(address->ip));
    mnl_attr_put_u32(message, IFA_ADDRESS, htonl(address->ip));
    mnl_attr_put_u32(message, IFA_BROADCAST, htonl(subnet_last(address)));
    request_end(netlink, message);
}

void netlink_add_default_route(Netlink *netlink, int index, uint32_t gateway) {
    char text[NETWORK_IP_SIZE];
    struct nlmsghdr *message = request_begin(netlink, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL,
        "add the default route through %s", ip_format(gateway, text));
    struct rtmsg *route = mnl_nlmsg_put_extra_header(message, sizeof *route);
    *route = (struct rtmsg){.rtm_family = AF_INET,
        .rtm_table = RT_TABLE_MAIN,
        .rtm_protocol = RTPROT_BOOT,
        .rtm_scope = RT_SCOPE_UNIVERSE,
        .rtm_type = RTN_UNICAST};
    mnl_attr_put_u32(message, RTA_GATEWAY, htonl(gateway));
    mnl_attr_put_u32(message, RTA_OIF, (uint32_t)index);
    request_end(netlink, message);
}

/* ---- answers ---- */

/* netlink(7): with NETLINK_CAP_ACK the request is not repeated, attributes follow the header. */
static const char *ack_explanation(const struct nlmsghdr *message) {
    struct nlattr *attribute;
    if (!(message->nlmsg_flags & NLM_F_ACK_TLVS))
        return NULL;
    mnl_attr_for_each(attribute, message, sizeof(struct nlmsgerr)) {
        if (mnl_attr_get_type(attribute) == NLMSGERR_ATTR_MSG)
            return mnl_attr_get_str(attribute);
    }
    return NULL;
}

static int ack_error(const struct nlmsghdr *message, const char *act, Error *err) {
    const struct nlmsgerr *ack = mnl_nlmsg_get_payload(message);
    if (ack->error == 0)
        return 0;
    const char *why = ack_explanation(message);
    if (why)
        return error_set_errno(err, -ack->error, "cannot %s: %s", act, why);
    return error_set_errno(err, -ack->error, "cannot %s", act);
}

static int receive(Netlink *netlink, char *buffer, Error *err) {
    ssize_t n;
    do
        n = mnl_socket_recvfrom(netlink->socket, buffer, ANSWER_SIZE);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return error_set_errno(err, errno, "cannot read from the netlink socket");
    return (int)n;
}

int netlink_flush(Netlink *netlink, Error *err) {
    _Alignas(struct nlmsghdr) char buffer[ANSWER_SIZE];
    unsigned pending = netlink->n, n = netlink->n;
    uint32_t first = netlink->first_sequence;
    int result = 0;
    size_t used = netlink->used;
    netlink->used = netlink->n = 0;
    netlink->first_sequence += n;
    if (n == 0)
        return 0;
    if (mnl_socket_sendto(netlink->socket, netlink->queue, used) < 0)
        return error_set_errno(err, errno, "cannot write to the netlink socket");
    while (pending > 0) {
        int left = receive(netlink, buffer, err);
        if (left < 0)
            return left;
        const struct nlmsghdr *message = (const struct nlmsghdr *)buffer;
        for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
            uint32_t at = message->nlmsg_seq - first;
            if (message->nlmsg_type != NLMSG_ERROR || at >= n)
                continue;
            pending--;
            Error failed;
            int r = ack_error(message, netlink->request[at].act, &failed);
            if (r < 0 && result == 0) {
                result = r;
                *err = failed;
            }
        }
    }
    return result;
}

/* Sends one request and gives every answer to `each`; ends at DONE, at an ACK or at an error. */
typedef void (*AnswerFunction)(const struct nlmsghdr *message, void *context);
static int query(
    Netlink *netlink, struct nlmsghdr *message, AnswerFunction each, void *context, Error *err) {
    _Alignas(struct nlmsghdr) char buffer[ANSWER_SIZE];
    uint32_t sequence = message->nlmsg_seq;
    netlink->used = netlink->n = 0;
    netlink->first_sequence++;
    if (mnl_socket_sendto(netlink->socket, message, message->nlmsg_len) < 0)
        return error_set_errno(err, errno, "cannot write to the netlink socket");
    for (;;) {
        int left = receive(netlink, buffer, err);
        if (left < 0)
            return left;
        const struct nlmsghdr *answer = (const struct nlmsghdr *)buffer;
        for (; mnl_nlmsg_ok(answer, left); answer = mnl_nlmsg_next(answer, &left)) {
            if (answer->nlmsg_seq != sequence)
                continue;
            if (answer->nlmsg_type == NLMSG_ERROR)
                return ack_error(answer, netlink->request[0].act, err);
            if (answer->nlmsg_type == NLMSG_DONE)
                return 0;
            each(answer, context);
        }
    }
}

static void parse_link_info(const struct nlattr *info, Link *link) {
    struct nlattr *attribute;
    mnl_attr_for_each_nested(attribute, info) {
        if (mnl_attr_get_type(attribute) == IFLA_INFO_KIND)
            snprintf(link->kind, sizeof link->kind, "%s", mnl_attr_get_str(attribute));
    }
}

static void parse_link(const struct nlmsghdr *message, Link *ret) {
    const struct ifinfomsg *header = mnl_nlmsg_get_payload(message);
    struct nlattr *attribute;
    *ret = (Link){.index = header->ifi_index, .up = header->ifi_flags & IFF_UP};
    mnl_attr_for_each(attribute, message, sizeof *header) {
        unsigned type = mnl_attr_get_type(attribute);
        if (type == IFLA_IFNAME)
            snprintf(ret->name, sizeof ret->name, "%s", mnl_attr_get_str(attribute));
        else if (type == IFLA_IFALIAS)
            snprintf(ret->alias, sizeof ret->alias, "%s", mnl_attr_get_str(attribute));
        else if (type == IFLA_MASTER)
            ret->master = (int)mnl_attr_get_u32(attribute);
        else if (type == IFLA_LINKINFO)
            parse_link_info(attribute, ret);
    }
}

static void take_link(const struct nlmsghdr *message, void *context) {
    if (message->nlmsg_type == RTM_NEWLINK)
        parse_link(message, context);
}

int netlink_find_link(Netlink *netlink, const char *name, Link *ret, Error *err) {
    Link link = {};
    struct nlmsghdr *message =
        request_begin(netlink, RTM_GETLINK, 0, "find the interface '%s'", name);
    put_link(message, false);
    mnl_attr_put_strz(message, IFLA_IFNAME, name);
    mnl_attr_put_u32(message, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    TRY(query(netlink, message, take_link, &link, err));
    if (link.index == 0)
        return error_set(err, ERROR_NOT_FOUND, "no such interface: %s", name);
    *ret = link;
    return 0;
}

typedef struct LinkList {
    Link *item;
    size_t n;
} LinkList;

static void append_link(const struct nlmsghdr *message, void *context) {
    LinkList *list = context;
    Link link;
    if (message->nlmsg_type != RTM_NEWLINK)
        return;
    parse_link(message, &link);
    array_append(list->item, list->n, link);
}

int netlink_list_links(Netlink *netlink, Link **ret, size_t *ret_n, Error *err) {
    LinkList list = {};
    struct nlmsghdr *message = request_begin(netlink, RTM_GETLINK, NLM_F_DUMP, "list interfaces");
    put_link(message, false);
    mnl_attr_put_u32(message, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    int r = query(netlink, message, append_link, &list, err);
    if (r < 0) {
        free(list.item);
        return r;
    }
    *ret = list.item;
    *ret_n = list.n;
    return 0;
}

typedef struct SubnetList {
    Subnet *item;
    size_t n;
    int index; /* only of this interface; 0: all */
} SubnetList;

static void append_address(const struct nlmsghdr *message, void *context) {
    SubnetList *list = context;
    const struct ifaddrmsg *header = mnl_nlmsg_get_payload(message);
    struct nlattr *attribute;
    if (message->nlmsg_type != RTM_NEWADDR || header->ifa_family != AF_INET ||
        (list->index && (int)header->ifa_index != list->index))
        return;
    mnl_attr_for_each(attribute, message, sizeof *header) {
        if (mnl_attr_get_type(attribute) == IFA_LOCAL) {
            Subnet subnet = {ntohl(mnl_attr_get_u32(attribute)), header->ifa_prefixlen};
            array_append(list->item, list->n, subnet);
        }
    }
}

static void append_route(const struct nlmsghdr *message, void *context) {
    SubnetList *list = context;
    const struct rtmsg *header = mnl_nlmsg_get_payload(message);
    struct nlattr *attribute;
    if (message->nlmsg_type != RTM_NEWROUTE || header->rtm_family != AF_INET ||
        header->rtm_type != RTN_UNICAST || header->rtm_dst_len == 0)
        return;
    mnl_attr_for_each(attribute, message, sizeof *header) {
        if (mnl_attr_get_type(attribute) == RTA_DST) {
            Subnet subnet = {ntohl(mnl_attr_get_u32(attribute)), header->rtm_dst_len};
            array_append(list->item, list->n, subnet);
        }
    }
}

static int list_subnets(Netlink *netlink, struct nlmsghdr *message, AnswerFunction append,
    SubnetList *list, Error *err) {
    int r = query(netlink, message, append, list, err);
    if (r < 0)
        free(list->item);
    return r;
}

int netlink_list_addresses(Netlink *netlink, int index, Subnet **ret, size_t *ret_n, Error *err) {
    SubnetList list = {.index = index};
    struct nlmsghdr *message = request_begin(netlink, RTM_GETADDR, NLM_F_DUMP, "list addresses");
    struct ifaddrmsg *header = mnl_nlmsg_put_extra_header(message, sizeof *header);
    header->ifa_family = AF_INET;
    TRY(list_subnets(netlink, message, append_address, &list, err));
    *ret = list.item;
    *ret_n = list.n;
    return 0;
}

int netlink_list_routes(Netlink *netlink, Subnet **ret, size_t *ret_n, Error *err) {
    SubnetList list = {};
    struct nlmsghdr *message = request_begin(netlink, RTM_GETROUTE, NLM_F_DUMP, "list routes");
    struct rtmsg *header = mnl_nlmsg_put_extra_header(message, sizeof *header);
    header->rtm_family = AF_INET;
    TRY(list_subnets(netlink, message, append_route, &list, err));
    *ret = list.item;
    *ret_n = list.n;
    return 0;
}
