// SPDX-License-Identifier: Apache-2.0
#include "runtime/namespace/network_device.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"

/* rtnetlink(7), one request at a time: it is acknowledged before the next one goes out. */
typedef struct Request {
    struct nlmsghdr header;
    union {
        struct ifinfomsg link;
        struct ifaddrmsg address;
    };
    char room[512]; /* attributes follow the body */
} Request;

typedef struct Address {
    struct ifaddrmsg header;
    char attributes[256]; /* IFA_LOCAL, IFA_ADDRESS, IFA_BROADCAST as they came */
    size_t length;
} Address;

typedef struct Addresses {
    Address *item;
    size_t n;
} Addresses;

enum {
    ANSWER_SIZE = 32768
};

static bool is_name(const char *name) {
    size_t n = strlen(name);
    return n > 0 && n < IFNAMSIZ && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
           !name[strcspn(name, "/: ")];
}

int network_devices_check(const OciLinux *config, bool has_namespace, Error *err) {
    const OciNetDevice *device = config->net_devices.value;
    if (config->net_devices.n && !has_namespace)
        return error_set(err, ERROR_INVALID,
            "linux.netDevices: unable to move network devices without a network namespace");
    for (size_t i = 0; i < config->net_devices.n; i++) {
        const char *name = config->net_devices.key[i];
        if (is_name(name) && (text_is_empty(device[i].name) || is_name(device[i].name)))
            continue;
        return error_set(err, ERROR_INVALID, "linux.netDevices: invalid network device name \"%s\"",
            is_name(name) ? device[i].name : name);
    }
    return 0;
}

static Request request_of(int type, int flags, size_t body) {
    Request request = {};
    request.header.nlmsg_type = (uint16_t)type;
    request.header.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
    request.header.nlmsg_len = (uint32_t)NLMSG_LENGTH(body);
    return request;
}

/* The callers' attributes are few and short: they always fit. */
static void add_attribute(Request *request, int type, const void *data, size_t n) {
    size_t at = NLMSG_ALIGN(request->header.nlmsg_len);
    struct rtattr *attribute = (struct rtattr *)(void *)((char *)request + at);
    attribute->rta_type = (unsigned short)type;
    attribute->rta_len = (unsigned short)RTA_LENGTH(n);
    memcpy(RTA_DATA(attribute), data, n);
    request->header.nlmsg_len = (uint32_t)(at + RTA_ALIGN(attribute->rta_len));
}

static int send_request(int socket, Request *request, Error *err) {
    if (send(socket, request, request->header.nlmsg_len, 0) < 0)
        return error_set_errno(err, errno, "cannot ask the kernel");
    return 0;
}

/* A request that is answered by an errno value. */
static int execute(int socket, Request *request, const char *act, Error *err) {
    _Alignas(struct nlmsghdr) char answer[ANSWER_SIZE];
    request->header.nlmsg_flags |= NLM_F_ACK;
    TRY(send_request(socket, request, err));
    ssize_t n = recv(socket, answer, sizeof answer, 0);
    const struct nlmsghdr *header = (const void *)answer;
    if (n < 0 || !NLMSG_OK(header, (size_t)n) || header->nlmsg_type != NLMSG_ERROR)
        return error_set_errno(err, n < 0 ? errno : EBADMSG, "cannot %s", act);
    const struct nlmsgerr *result = NLMSG_DATA(header);
    return result->error ? error_set_errno(err, -result->error, "cannot %s", act) : 0;
}

static int set_up(int socket, int index, bool up, Error *err) {
    Request request = request_of(RTM_NEWLINK, 0, sizeof request.link);
    request.link.ifi_index = index;
    request.link.ifi_change = IFF_UP;
    request.link.ifi_flags = up ? IFF_UP : 0;
    return execute(socket, &request, up ? "bring it up" : "take it down", err);
}

static int find_index(int socket, const char *name, int *ret, Error *err) {
    struct ifreq request = {};
    memcpy(request.ifr_name, name, strnlen(name, IFNAMSIZ - 1));
    if (ioctl(socket, SIOCGIFINDEX, &request) < 0)
        return error_set_errno(err, errno, "link not found");
    *ret = request.ifr_ifindex;
    return 0;
}

/* Addresses that the kernel or a daemon found out itself (dynamic ones, those of the link) mean
 * nothing elsewhere; the reference runtime leaves them behind, too. */
static void keep_address(const struct nlmsghdr *message, int index, Addresses *ret) {
    const struct ifaddrmsg *header = NLMSG_DATA(message);
    Address address = {.header = *header};
    uint32_t flags = header->ifa_flags;
    size_t left = IFA_PAYLOAD(message);
    for (const struct rtattr *a = IFA_RTA(header); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
        size_t n = RTA_ALIGN(a->rta_len);
        if (a->rta_type == IFA_FLAGS)
            memcpy(&flags, RTA_DATA(a), sizeof flags);
        bool kept =
            a->rta_type == IFA_LOCAL || a->rta_type == IFA_ADDRESS || a->rta_type == IFA_BROADCAST;
        if (!kept || address.length + n > sizeof address.attributes)
            continue;
        memcpy(address.attributes + address.length, a, n);
        address.length += n;
    }
    bool wanted = header->ifa_scope == RT_SCOPE_UNIVERSE && flags & IFA_F_PERMANENT;
    if (wanted && (int)header->ifa_index == index)
        array_append(ret->item, ret->n, address);
}

/* Before the link goes down: that flushes IPv6. */
static int list_addresses(int socket, int index, Addresses *ret, Error *err) {
    _Alignas(struct nlmsghdr) char answer[ANSWER_SIZE];
    Request request = request_of(RTM_GETADDR, NLM_F_DUMP, sizeof request.address);
    TRY(send_request(socket, &request, err));
    for (;;) {
        ssize_t n = recv(socket, answer, sizeof answer, 0);
        if (n < 0)
            return error_set_errno(err, errno, "cannot list its addresses");
        size_t left = (size_t)n;
        for (const struct nlmsghdr *m = (const void *)answer; NLMSG_OK(m, left);
             m = NLMSG_NEXT(m, left)) {
            if (m->nlmsg_type == NLMSG_DONE)
                return 0;
            if (m->nlmsg_type == NLMSG_ERROR)
                return error_set(err, ERROR_INTERNAL, "cannot list its addresses");
            if (m->nlmsg_type == RTM_NEWADDR)
                keep_address(m, index, ret);
        }
    }
}

static int add_address(int socket, int index, const Address *address, Error *err) {
    Request request = request_of(RTM_NEWADDR, NLM_F_CREATE, sizeof request.address);
    request.address = address->header;
    request.address.ifa_index = (unsigned)index;
    request.address.ifa_flags = IFA_F_PERMANENT;
    size_t at = NLMSG_ALIGN(request.header.nlmsg_len); /* the two bodies differ in length */
    memcpy((char *)&request + at, address->attributes, address->length);
    request.header.nlmsg_len = (uint32_t)(at + address->length);
    return execute(socket, &request, "give it its address", err);
}

/* Namespace and name change in one step: a name that is taken there, or here, is no trouble. */
static int change_namespace(int socket, int index, const char *name, int namespace, Error *err) {
    uint32_t fd = (uint32_t) namespace;
    Request request = request_of(RTM_NEWLINK, 0, sizeof request.link);
    request.link.ifi_index = index;
    add_attribute(&request, IFLA_NET_NS_FD, &fd, sizeof fd);
    add_attribute(&request, IFLA_IFNAME, name, strlen(name) + 1);
    return execute(socket, &request, "move it to the container", err);
}

static int settle(int socket, const char *name, const Addresses *addresses, Error *err) {
    int index;
    TRY(find_index(socket, name, &index, err));
    for (size_t i = 0; i < addresses->n; i++)
        TRY(add_address(socket, index, &addresses->item[i], err));
    return set_up(socket, index, true, err);
}

static int move(int host, int container, const char *name, const char *new_name, int namespace,
    Addresses *addresses, Error *err) {
    int index;
    TRY(find_index(host, name, &index, err));
    TRY(list_addresses(host, index, addresses, err));
    TRY(set_up(host, index, false, err));
    TRY(change_namespace(host, index, new_name, namespace, err));
    return settle(container, new_name, addresses, err);
}

static int open_socket(int *ret, Error *err) {
    *ret = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    return *ret < 0 ? error_set_errno(err, errno, "cannot open a netlink socket") : 0;
}

/* A socket stays in the namespace that it was made in. */
static int open_socket_in(int namespace, int *ret, Error *err) {
    autoclose int own = -1;
    TRY(file_open(AT_FDCWD, "/proc/self/ns/net", O_RDONLY, 0, &own, err));
    if (setns(namespace, CLONE_NEWNET) < 0)
        return error_set_errno(err, errno, "cannot enter the container's network namespace");
    int r = open_socket(ret, err);
    if (setns(own, CLONE_NEWNET) < 0)
        return error_set_errno(err, errno, "cannot return to our network namespace");
    return r;
}

int network_devices_move(const JsonObjectMap *devices, int namespace, Error *err) {
    const OciNetDevice *device = devices->value;
    autoclose int host = -1, container = -1;
    TRY(open_socket(&host, err));
    TRY(open_socket_in(namespace, &container, err));
    for (size_t i = 0; i < devices->n; i++) {
        Addresses addresses = {};
        const char *name = devices->key[i];
        int r = move(host, container, name, text_is_empty(device[i].name) ? name : device[i].name,
            namespace, &addresses, err);
        free(addresses.item);
        if (r < 0)
            return error_prefix(err, "linux.netDevices: %s", name);
    }
    return 0;
}
