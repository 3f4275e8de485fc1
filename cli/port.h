// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdint.h>

#include "base/error.h"

/* -p [[IP:][HOST]:]CONTAINER[/PROTOCOL]: "80", "8080:80", "127.0.0.1:8080:80/udp", "127.0.0.1::80".
 */
typedef struct Port {
    char host_ip[64]; /* "" = all addresses */
    uint16_t host;    /* 0: any free one */
    uint16_t container;
    const char *protocol; /* "tcp" or "udp" */
} Port;

/* ERROR_INVALID; ERROR_UNSUPPORTED for port ranges. */
int port_parse(const char *text, Port *ret, Error *err);
