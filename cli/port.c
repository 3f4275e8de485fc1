// SPDX-License-Identifier: Apache-2.0
#include "cli/port.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

static int parse_number(
    const char *spec, const char *text, const char *what, uint16_t *ret, Error *err) {
    if (strchr(text, '-'))
        return error_set(err, ERROR_UNSUPPORTED,
            "invalid port mapping '%s': port ranges are not supported", spec);
    uint64_t number = 0;
    Error cause = {};
    if (text_parse_uint(text, "port", &number, &cause) < 0 || number < 1 || number > 65535)
        return error_set(err, ERROR_INVALID, "invalid port mapping '%s': invalid %s port '%s'",
            spec, what, text);
    *ret = (uint16_t)number;
    return 0;
}

static int parse_protocol(const char *spec, const char *text, const char **ret, Error *err) {
    static const char *const known[] = {"tcp", "udp"};
    for (size_t i = 0; i < 2; i++) {
        if (!strcasecmp(text, known[i])) {
            *ret = known[i];
            return 0;
        }
    }
    return error_set(err, ERROR_INVALID,
        "invalid port mapping '%s': invalid protocol '%s': expected tcp or udp", spec, text);
}

static int parse_ip(const char *spec, const char *text, Port *port, Error *err) {
    size_t n = strlen(text);
    if (n >= 2 && text[0] == '[' && text[n - 1] == ']') {
        text++;
        n -= 2;
    }
    char address[sizeof port->host_ip] = "";
    unsigned char binary[16];
    if (n < sizeof address)
        memcpy(address, text, n);
    if (inet_pton(AF_INET, address, binary) != 1 && inet_pton(AF_INET6, address, binary) != 1)
        return error_set(
            err, ERROR_INVALID, "invalid port mapping '%s': invalid IP address '%s'", spec, text);
    memcpy(port->host_ip, address, sizeof address);
    return 0;
}

int port_parse(const char *text, Port *ret, Error *err) {
    Port port = {.protocol = "tcp"};
    autofree char *copy = text_copy(text);
    char *slash = strchr(copy, '/');
    if (slash) {
        *slash = 0;
        TRY(parse_protocol(text, slash + 1, &port.protocol, err));
    }
    // from the right, as an IPv6 address has colons of its own
    char *container = strrchr(copy, ':');
    char *host = NULL;
    if (container) {
        *container++ = 0;
        host = strrchr(copy, ':');
        if (host && host[1] != ']') {
            *host++ = 0;
            TRY(parse_ip(text, copy, &port, err));
        } else {
            host = copy;
        }
    }
    TRY(parse_number(text, container ? container : copy, "container", &port.container, err));
    if (host && *host)
        TRY(parse_number(text, host, "host", &port.host, err));
    *ret = port;
    return 0;
}
