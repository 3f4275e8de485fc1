// SPDX-License-Identifier: Apache-2.0
#include "engine/network/conntrack.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "base/text.h"

enum {
    REQUEST_SIZE = 512,
    ANSWER_SIZE = 32768
};

/* Kernel 5.8 and newer: which parts of CTA_TUPLE_ORIG a dump compares. Not in the headers for
 * programs (net/netfilter/nf_internals.h). */
enum {
    FILTER_PROTO_NUM = 1 << 3,
    FILTER_PROTO_DST_PORT = 1 << 5
};

typedef struct Flow {
    uint8_t tuple[128]; /* CTA_TUPLE_ORIG's payload */
    uint16_t tuple_length;
    uint32_t id;
} Flow;

typedef struct Forget {
    const PortBinding *ports;
    size_t ports_n;
    struct mnl_socket *socket;
    uint32_t sequence;
    Flow *flow;
    size_t n;
} Forget;

static void forget_done(Forget *forget) {
    if (forget->socket)
        mnl_socket_close(forget->socket);
    free(forget->flow);
}
CLEANUP_DEFINE_DONE(Forget, forget_done)

static struct nlmsghdr *begin(Forget *forget, char *buffer, uint16_t type, uint16_t flags) {
    struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
    message->nlmsg_type = (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | type);
    message->nlmsg_flags = NLM_F_REQUEST | flags;
    message->nlmsg_seq = ++forget->sequence;
    struct nfgenmsg *header = mnl_nlmsg_put_extra_header(message, sizeof *header);
    header->nfgen_family = AF_INET;
    return message;
}

static void put_filter(struct nlmsghdr *message) {
    struct nlattr *tuple = mnl_attr_nest_start(message, CTA_TUPLE_ORIG);
    struct nlattr *protocol = mnl_attr_nest_start(message, CTA_TUPLE_PROTO);
    mnl_attr_put_u8(message, CTA_PROTO_NUM, IPPROTO_UDP);
    mnl_attr_nest_end(message, protocol);
    mnl_attr_nest_end(message, tuple);
    struct nlattr *filter = mnl_attr_nest_start(message, CTA_FILTER);
    mnl_attr_put_u32(message, CTA_FILTER_ORIG_FLAGS, FILTER_PROTO_NUM);
    mnl_attr_put_u32(message, CTA_FILTER_REPLY_FLAGS, 0);
    mnl_attr_nest_end(message, filter);
}

static const struct nlattr *find_nested(const struct nlattr *nest, uint16_t type) {
    const struct nlattr *attribute;
    mnl_attr_for_each_nested(attribute, nest) {
        if (mnl_attr_get_type(attribute) == type)
            return attribute;
    }
    return NULL;
}

static bool is_forgettable(const Forget *forget, uint16_t host_port) {
    for (size_t i = 0; i < forget->ports_n; i++) {
        if (forget->ports[i].protocol == PORT_UDP && forget->ports[i].host_port == host_port)
            return true;
    }
    return false;
}

/* An older kernel ignores the filter and lists all. */
static bool is_to_us(const Forget *forget, const struct nlattr *tuple) {
    const struct nlattr *protocol = find_nested(tuple, CTA_TUPLE_PROTO);
    const struct nlattr *number = protocol ? find_nested(protocol, CTA_PROTO_NUM) : NULL;
    const struct nlattr *port = protocol ? find_nested(protocol, CTA_PROTO_DST_PORT) : NULL;
    return number && port && mnl_attr_get_u8(number) == IPPROTO_UDP &&
           is_forgettable(forget, ntohs(mnl_attr_get_u16(port)));
}

static void take_flow(Forget *forget, const struct nlmsghdr *message) {
    const struct nlattr *attribute, *tuple = NULL;
    Flow flow = {};
    mnl_attr_for_each(attribute, message, sizeof(struct nfgenmsg)) {
        unsigned type = mnl_attr_get_type(attribute);
        if (type == CTA_TUPLE_ORIG)
            tuple = attribute;
        else if (type == CTA_ID)
            flow.id = mnl_attr_get_u32(attribute);
    }
    if (!tuple || mnl_attr_get_payload_len(tuple) > sizeof flow.tuple || !is_to_us(forget, tuple))
        return;
    flow.tuple_length = mnl_attr_get_payload_len(tuple);
    memcpy(flow.tuple, mnl_attr_get_payload(tuple), flow.tuple_length);
    array_append(forget->flow, forget->n, flow);
}

static int receive(Forget *forget, char *buffer, Error *err) {
    ssize_t n;
    do
        n = mnl_socket_recvfrom(forget->socket, buffer, ANSWER_SIZE);
    while (n < 0 && errno == EINTR);
    return n < 0 ? error_set_errno(err, errno, "cannot read connection tracking") : (int)n;
}

/* 1: that was the last one. */
static int take_answer(Forget *forget, const struct nlmsghdr *message, Error *err) {
    if (message->nlmsg_seq != forget->sequence)
        return 0;
    if (message->nlmsg_type == NLMSG_DONE)
        return 1;
    if (message->nlmsg_type == NLMSG_ERROR) {
        const struct nlmsgerr *failed = mnl_nlmsg_get_payload(message);
        return failed->error
                   ? error_set_errno(err, -failed->error, "cannot list tracked connections")
                   : 1;
    }
    take_flow(forget, message);
    return 0;
}

static int list_flows(Forget *forget, Error *err) {
    _Alignas(struct nlmsghdr) char request[REQUEST_SIZE], buffer[ANSWER_SIZE];
    struct nlmsghdr *message = begin(forget, request, IPCTNL_MSG_CT_GET, NLM_F_DUMP);
    put_filter(message);
    if (mnl_socket_sendto(forget->socket, message, message->nlmsg_len) < 0)
        return error_set_errno(err, errno, "cannot list tracked connections");
    for (;;) {
        int left = receive(forget, buffer, err);
        if (left < 0)
            return left;
        const struct nlmsghdr *answer = (const struct nlmsghdr *)buffer;
        for (; mnl_nlmsg_ok(answer, left); answer = mnl_nlmsg_next(answer, &left)) {
            int r = take_answer(forget, answer, err);
            if (r != 0)
                return r < 0 ? r : 0;
        }
    }
}

/* Without asking for an answer: a flow that is gone already is as good. */
static int delete_flows(Forget *forget, Error *err) {
    _Alignas(struct nlmsghdr) char request[REQUEST_SIZE];
    for (size_t i = 0; i < forget->n; i++) {
        const Flow *flow = &forget->flow[i];
        struct nlmsghdr *message = begin(forget, request, IPCTNL_MSG_CT_DELETE, 0);
        mnl_attr_put(message, NLA_F_NESTED | CTA_TUPLE_ORIG, flow->tuple_length, flow->tuple);
        mnl_attr_put_u32(message, CTA_ID, flow->id);
        if (mnl_socket_sendto(forget->socket, message, message->nlmsg_len) < 0)
            return error_set_errno(err, errno, "cannot delete a tracked connection");
    }
    return 0;
}

int conntrack_forget(const PortBinding *ports, size_t n, Error *err) {
    autodone(Forget) forget = {.ports = ports, .ports_n = n};
    bool any = false;
    for (size_t i = 0; i < n; i++)
        any = any || ports[i].protocol == PORT_UDP;
    if (!any)
        return 0;
    forget.socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
    if (!forget.socket || mnl_socket_bind(forget.socket, 0, MNL_SOCKET_AUTOPID) < 0)
        return error_set_errno(err, errno, "cannot open a netlink socket");
    TRY(list_flows(&forget, err));
    return delete_flows(&forget, err);
}
