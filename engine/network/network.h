// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"

/* The networks of one engine: the default bridge, the host's network, and none. A Network remembers
 * nothing across restarts: an Endpoint is a plain record which the container's record stores.
 * Start-up: network_new, network_adopt for each stored endpoint, network_start. All functions may
 * be called from any thread once network_start has returned. */
typedef struct Network Network;

#define NETWORK_IP_SIZE 46     /* text of an IPv4 or IPv6 address */
#define NETWORK_SUBNET_SIZE 50 /* the same with "/prefix" */
#define NETWORK_INTERFACE_SIZE 16

typedef struct NetworkConfig {
    const char *state;  /* STATE: sandboxes are STATE/netns/ID */
    const char *bridge; /* NULL: "tare0" */
    const char
        *subnet; /* "gateway/prefix": bip, else the stored network_subnet, else NULL: choose */
    const char *host_ip; /* for ports published without one; NULL: "0.0.0.0" */
    unsigned mtu;        /* 0: 1500 */
    bool no_icc;         /* containers on the bridge do not reach each other */
    bool no_masquerade, no_forward;
    const char *const *dns, *const *dns_search, *const *dns_options; /* NULL: the host's */
} NetworkConfig;

typedef enum PortProtocol {
    PORT_TCP,
    PORT_UDP
} PortProtocol;
const char *port_protocol_name(PortProtocol protocol);                    /* "tcp", "udp" */
int port_protocol_parse(const char *text, PortProtocol *ret, Error *err); /* "" is tcp */

typedef struct PortBinding {
    char host_ip[NETWORK_IP_SIZE]; /* "" in a request: the configured one */
    uint16_t host_port;            /* 0 in a request: any free one */
    uint16_t container_port;
    PortProtocol protocol;
} PortBinding;

typedef struct EndpointRequest {
    const char *container; /* full id */
    const char *name;      /* for messages */
    const char *network;   /* "bridge", "host", "none"; "" or "default": bridge */
    const PortBinding *ports;
    size_t ports_n;
} EndpointRequest;

typedef struct Endpoint {
    char id[65];        /* of the endpoint, 64 hex digits */
    char container[65]; /* full id of the container */
    char network[16];   /* "bridge", "host", "none" */
    char *sandbox;      /* path of the network namespace; NULL: the engine's own ("host") */
    char ip[NETWORK_IP_SIZE], gateway[NETWORK_IP_SIZE]; /* "": none */
    unsigned prefix;
    char mac[18];
    char interface[NETWORK_INTERFACE_SIZE]; /* the host's end of the veth pair */
    PortBinding *ports;                     /* with the host ports that were found */
    size_t ports_n;
} Endpoint;
void endpoint_done(Endpoint *endpoint);
CLEANUP_DEFINE_DONE(Endpoint, endpoint_done)

/* Checks the configuration; changes nothing in the system. The config's texts are copied. */
int network_new(const NetworkConfig *config, Network **ret, Error *err);
void network_free(Network *network); /* changes nothing in the system; containers stay connected */
CLEANUP_DEFINE(Network, network_free)

/* Before network_start: this endpoint exists. It is adopted even when this fails because a process
 * of the host took one of its ports meanwhile: log that as a warning. */
int network_adopt(Network *network, const Endpoint *endpoint, Error *err);

/* Makes bridge, sysctls and packet filter whole, and removes sandboxes and interfaces of ours that
 * no adopted endpoint claims. When this fails, host and none still work; attaching to the bridge
 * tries again: log it as a warning. */
int network_start(Network *network, Error *err);

/* The bridge's "gateway/prefix", "" before one is chosen. Store it, give it back as config.subnet.
 */
void network_subnet(Network *network, char ret[NETWORK_SUBNET_SIZE]);

/* When a container starts. ERROR_EXISTS: a host port is taken. Nothing is left when it fails. */
int network_attach(Network *network, const EndpointRequest *request, Endpoint *ret, Error *err);

/* When it has stopped. Whatever is gone already is fine; call it as often as you like. The kernel
 * removes the interfaces in the background. */
int network_detach(Network *network, const Endpoint *endpoint, Error *err);

/* At an orderly end: removes bridge and packet filter if no endpoint is left on the bridge. */
int network_tear_down(Network *network, Error *err);

/* Writes hostname, hosts and resolv.conf (Docker's contents) into directory, which is ours.
 * ERROR_INVALID: a name that would break out of its line. Files are rewritten in place, so that
 * bind mounts of them stay valid. */
typedef struct NetworkFiles {
    const char *directory; /* ROOT/containers/ID */
    const char *hostname;
    const Endpoint *endpoint;
} NetworkFiles;
int network_write_files(Network *network, const NetworkFiles *files, Error *err);
