// SPDX-License-Identifier: Apache-2.0
#include "engine/network/ports.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/network/address.h"

static const char *const port_protocol_names[] = {[PORT_TCP] = "tcp", [PORT_UDP] = "udp"};

const char *port_protocol_name(PortProtocol protocol) {
    return port_protocol_names[protocol];
}

int port_protocol_parse(const char *text, PortProtocol *ret, Error *err) {
    if (text_is_empty(text)) {
        *ret = PORT_TCP;
        return 0;
    }
    for (size_t i = 0; i < array_size(port_protocol_names); i++) {
        if (text_equal(text, port_protocol_names[i])) {
            *ret = (PortProtocol)i;
            return 0;
        }
    }
    return error_set(err, ERROR_INVALID, "invalid proto: %s", text);
}

void port_table_done(PortTable *table) {
    for (size_t i = 0; i < table->n; i++) {
        if (table->item[i].socket >= 0)
            close(table->item[i].socket);
    }
    free(table->item);
    *table = (PortTable){};
}

static bool port_collides(const Port *port, const PortBinding *binding, uint32_t host_ip) {
    uint32_t other = INADDR_ANY;
    Error ignored;
    if (port->binding.protocol != binding->protocol ||
        port->binding.host_port != binding->host_port)
        return false;
    ip_parse(port->binding.host_ip, &other, &ignored);
    return other == host_ip || other == INADDR_ANY || host_ip == INADDR_ANY;
}

/* What the packet filter does not lead away ends here: nobody reads it. */
static void refuse_datagrams(int socket) {
    struct sock_filter refuse = BPF_STMT(BPF_RET | BPF_K, 0);
    struct sock_fprog program = {1, &refuse};
    setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

/* A listener's own connections may linger in TIME_WAIT after it has gone, and only SO_REUSEADDR
 * gets past them. But two sockets with that option share a port as long as neither listens. So:
 * bind with it, listen for a moment, which makes the kernel look closely, and stop; then take the
 * option away, so that nobody shares with us. shutdown(2) of a listener keeps a port that was asked
 * for by number, and only such. */
static int claim_this_port(int socket, const struct sockaddr_in *address) {
    int on = 1, off = 0;
    if (setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        bind(socket, (const struct sockaddr *)address, sizeof *address) < 0 ||
        listen(socket, 0) < 0 || shutdown(socket, SHUT_RD) < 0 ||
        setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &off, sizeof off) < 0)
        return -errno;
    return 0;
}

static int claim_any_port(int socket, const struct sockaddr_in *address) {
    return bind(socket, (const struct sockaddr *)address, sizeof *address) < 0 ? -errno : 0;
}

static int claim_tcp(int socket, const struct sockaddr_in *address) {
    return address->sin_port ? claim_this_port(socket, address) : claim_any_port(socket, address);
}

static int claim_udp(int socket, const struct sockaddr_in *address) {
    refuse_datagrams(socket);
    return claim_any_port(socket, address);
}

static int claim(PortBinding *binding, uint32_t host_ip, int *ret_socket, int *ret_errno) {
    struct sockaddr_in address = {.sin_family = AF_INET,
        .sin_port = htons(binding->host_port),
        .sin_addr.s_addr = htonl(host_ip)};
    socklen_t size = sizeof address;
    bool tcp = binding->protocol == PORT_TCP;
    autoclose int fd = socket(AF_INET, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
    int r = fd < 0 ? -errno : tcp ? claim_tcp(fd, &address) : claim_udp(fd, &address);
    if (r == 0 && getsockname(fd, (struct sockaddr *)&address, &size) < 0)
        r = -errno;
    if (r < 0) {
        *ret_errno = -r;
        return -1;
    }
    binding->host_port = ntohs(address.sin_port);
    *ret_socket = take_fd(&fd);
    return 0;
}

static void port_table_add(
    PortTable *table, const PortRequest *request, const PortBinding *binding, int socket) {
    Port port = {.binding = *binding, .socket = socket, .published = request->adopt};
    snprintf(port.ip, sizeof port.ip, "%s", request->ip);
    snprintf(port.endpoint, sizeof port.endpoint, "%s", request->endpoint);
    array_append(table->item, table->n, port);
}

static int check_free(
    const PortTable *table, const PortBinding *binding, uint32_t host_ip, Error *err) {
    for (size_t i = 0; i < table->n; i++) {
        if (port_collides(&table->item[i], binding, host_ip))
            return error_set(err, ERROR_EXISTS, "Bind for %s:%u failed: port is already allocated",
                binding->host_ip, binding->host_port);
    }
    return 0;
}

int port_table_reserve(
    PortTable *table, const PortRequest *request, PortBinding *binding, Error *err) {
    uint32_t host_ip;
    int socket = -1, sys = 0;
    TRY(ip_parse(binding->host_ip, &host_ip, err));
    if (binding->container_port == 0)
        return error_set(err, ERROR_INVALID, "invalid container port: 0");
    if (binding->host_port != 0)
        TRY(check_free(table, binding, host_ip, err));
    if (claim(binding, host_ip, &socket, &sys) < 0) {
        if (request->adopt)
            port_table_add(table, request, binding, -1);
        error_set_errno(err, sys, "failed to bind host port for %s:%u:%s:%u/%s", binding->host_ip,
            binding->host_port, request->ip, binding->container_port,
            port_protocol_name(binding->protocol));
        return err->code;
    }
    port_table_add(table, request, binding, socket);
    return 0;
}

void port_table_publish(PortTable *table, const char *endpoint, bool published) {
    for (size_t i = 0; i < table->n; i++) {
        if (text_equal(table->item[i].endpoint, endpoint))
            table->item[i].published = published;
    }
}

void port_table_release(PortTable *table, const char *endpoint) {
    size_t kept = 0;
    for (size_t i = 0; i < table->n; i++) {
        if (!text_equal(table->item[i].endpoint, endpoint))
            table->item[kept++] = table->item[i];
        else if (table->item[i].socket >= 0)
            close(table->item[i].socket);
    }
    table->n = kept;
}
