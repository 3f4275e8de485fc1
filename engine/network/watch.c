// SPDX-License-Identifier: Apache-2.0
#include "engine/network/watch.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"

enum {
    EVENT_SIZE = 16384
};

struct Watch {
    char *name;
    WatchFunction lost;
    void *context;
    struct mnl_socket *socket;
    int stop; /* eventfd */
    bool started;
    pthread_t thread;
};

static bool is_deletion(const Watch *watch, const struct nlmsghdr *message) {
    struct nlattr *attribute;
    const struct nfgenmsg *header = mnl_nlmsg_get_payload(message);
    if (message->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_DELTABLE) ||
        header->nfgen_family != NFPROTO_IPV4)
        return false;
    mnl_attr_for_each(attribute, message, sizeof *header) {
        if (mnl_attr_get_type(attribute) == NFTA_TABLE_NAME)
            return text_equal(mnl_attr_get_str(attribute), watch->name);
    }
    return false;
}

static bool hears_of_deletion(const Watch *watch) {
    _Alignas(struct nlmsghdr) char buffer[EVENT_SIZE];
    ssize_t n = mnl_socket_recvfrom(watch->socket, buffer, sizeof buffer);
    if (n < 0)
        return errno == ENOBUFS || errno == ENOSPC;
    int left = (int)n;
    bool deleted = false;
    const struct nlmsghdr *message = (const struct nlmsghdr *)buffer;
    for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left))
        deleted = deleted || is_deletion(watch, message);
    return deleted;
}

static void *watch_main(void *context) {
    const Watch *watch = context;
    struct pollfd polled[] = {{.fd = mnl_socket_get_fd(watch->socket), .events = POLLIN},
        {.fd = watch->stop, .events = POLLIN}};
    for (;;) {
        int r = poll(polled, 2, -1);
        if (r < 0 && errno != EINTR)
            return NULL;
        if (r <= 0)
            continue;
        if (polled[1].revents)
            return NULL;
        if (hears_of_deletion(watch))
            watch->lost(watch->context);
    }
}

int watch_new(const char *name, WatchFunction lost, void *context, Watch **ret, Error *err) {
    autoptr(Watch) watch = new (Watch);
    int group = NFNLGRP_NFTABLES;
    watch->name = text_copy(name);
    watch->lost = lost;
    watch->context = context;
    watch->stop = eventfd(0, EFD_CLOEXEC);
    if (watch->stop < 0)
        return error_set_errno(err, errno, "cannot make an eventfd");
    watch->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
    if (!watch->socket || mnl_socket_bind(watch->socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
        mnl_socket_setsockopt(watch->socket, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) < 0)
        return error_set_errno(err, errno, "cannot watch the packet filter");
    int r = pthread_create(&watch->thread, NULL, watch_main, watch);
    if (r != 0)
        return error_set_errno(err, r, "cannot start a thread");
    watch->started = true;
    *ret = take_ptr(&watch);
    return 0;
}

void watch_free(Watch *watch) {
    if (!watch)
        return;
    if (watch->started) {
        eventfd_write(watch->stop, 1);
        pthread_join(watch->thread, NULL);
    }
    if (watch->socket)
        mnl_socket_close(watch->socket);
    if (watch->stop >= 0)
        close(watch->stop);
    free(watch->name);
    free(watch);
}
