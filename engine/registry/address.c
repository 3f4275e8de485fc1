// SPDX-License-Identifier: Apache-2.0
#include "engine/registry/address.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

typedef struct Address {
    int family;
    unsigned char bytes[16];
} Address;

static bool parse_address(const char *text, Address *ret) {
    *ret = (Address){AF_INET};
    if (inet_pton(AF_INET, text, ret->bytes) == 1)
        return true;
    ret->family = AF_INET6;
    return inet_pton(AF_INET6, text, ret->bytes) == 1;
}

/* The host of "host:port", "[::1]:port" or "host", without brackets. */
static char *host_of(const char *domain) {
    if (*domain == '[')
        return text_copy_n(domain + 1, strcspn(domain + 1, "]"));
    return text_copy_n(domain, strcspn(domain, ":"));
}

static bool is_loopback(const char *domain) {
    static const unsigned char six[16] = {[15] = 1};
    autofree char *host = host_of(domain);
    Address address;
    if (strcmp(host, "localhost") == 0)
        return true;
    if (!parse_address(host, &address))
        return false;
    return address.family == AF_INET ? address.bytes[0] == 127
                                     : memcmp(address.bytes, six, sizeof(six)) == 0;
}

static bool same_prefix(const unsigned char *a, const unsigned char *b, unsigned bits) {
    unsigned whole = bits / 8, rest = bits % 8;
    if (memcmp(a, b, whole) != 0)
        return false;
    return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

static bool in_network(const char *host, const char *network) {
    autotexts char **part = texts_split(network, '/');
    Address address, base;
    Error ignored;
    uint64_t bits;
    if (texts_count(part) != 2 || !parse_address(host, &address) ||
        !parse_address(part[0], &base) || address.family != base.family ||
        text_parse_uint(part[1], "prefix", &bits, &ignored) < 0 ||
        bits > (base.family == AF_INET ? 32 : 128))
        return false;
    return same_prefix(address.bytes, base.bytes, (unsigned)bits);
}

static bool is_insecure(const RegistryConfig *config, const char *domain) {
    autofree char *host = host_of(domain);
    for (size_t i = 0; i < config->insecure.n; i++) {
        const char *entry = config->insecure.item[i];
        if (strcmp(entry, domain) == 0 || in_network(host, entry))
            return true;
    }
    return false;
}

static void add(Endpoints *endpoints, const char *scheme, const char *host, Endpoint like) {
    like.base = text_format("%s://%s", scheme, host);
    size_t n = strlen(like.base);
    while (n > 0 && like.base[n - 1] == '/')
        like.base[--n] = '\0';
    array_append(endpoints->item, endpoints->n, like);
}

static int add_mirror(
    const RegistryConfig *config, const char *url, Endpoints *endpoints, Error *err) {
    bool tls = text_starts(url, "https://");
    if (!tls && !text_starts(url, "http://"))
        return error_set(err, ERROR_INVALID, "invalid registry mirror '%s': not a URL", url);
    const char *host = strstr(url, "://") + 3;
    autofree char *domain = text_copy_n(host, strcspn(host, "/"));
    bool loopback = is_loopback(domain);
    bool insecure = loopback || is_insecure(config, domain);
    if (!tls && !insecure)
        return error_set(err, ERROR_INVALID,
            "registry mirror '%s' is not encrypted: add it to"
            " insecure-registries to allow that",
            url);
    add(endpoints, tls ? "https" : "http", host,
        (Endpoint){.verify = !insecure, .mirror = true, .loopback = loopback});
    return 0;
}

int endpoints_list(const RegistryConfig *config, const char *domain, Endpoints *ret, Error *err) {
    bool hub = strcmp(domain, "docker.io") == 0;
    const char *host = hub ? "registry-1.docker.io" : domain;
    bool loopback = is_loopback(host);
    bool insecure = loopback || is_insecure(config, host);
    *ret = (Endpoints){};
    for (size_t i = 0; hub && i < config->mirrors.n; i++)
        TRY(add_mirror(config, config->mirrors.item[i], ret, err));
    add(ret, "https", host,
        (Endpoint){.verify = !insecure, .loopback = loopback, .credentials = true});
    if (insecure)
        add(ret, "http", host, (Endpoint){.loopback = loopback, .credentials = loopback});
    return 0;
}

void endpoints_done(Endpoints *endpoints) {
    for (size_t i = 0; i < endpoints->n; i++)
        free(endpoints->item[i].base);
    free(endpoints->item);
    *endpoints = (Endpoints){};
}

static bool is_loopback_url(const char *url) {
    const char *host = strstr(url, "://");
    if (!host)
        return false;
    autofree char *domain = text_copy_n(host + 3, strcspn(host + 3, "/?#"));
    return !strchr(domain, '@') && is_loopback(domain);
}

/* Plain HTTP only where the registry itself is spoken to so. */
bool endpoint_allows_realm(const Endpoint *endpoint, const char *realm) {
    if (text_starts(realm, "https://"))
        return true;
    return text_starts(realm, "http://") && text_starts(endpoint->base, "http://") &&
           (!endpoint->loopback || is_loopback_url(realm));
}

bool endpoint_trusts_realm(const Endpoint *endpoint, const char *realm) {
    return endpoint->credentials && !endpoint->mirror &&
           (text_starts(realm, "https://") || is_loopback_url(realm));
}
