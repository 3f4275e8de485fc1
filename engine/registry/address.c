// SPDX-License-Identifier: Apache-2.0
#include "engine/registry/address.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/registry/hosts.h"
#include "engine/registry/rules.h"
#include "engine/registry/secret.h"

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

bool address_is_loopback(const char *domain) {
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

bool address_in_network(const char *host, const char *network) {
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
    const RegistryRule *rule = rule_find(config, domain);
    if (rule && rule->insecure.set)
        return rule->insecure.value;
    for (size_t i = 0; i < config->insecure.n; i++) {
        const char *entry = config->insecure.item[i];
        if (strcmp(entry, domain) == 0 || address_in_network(host, entry))
            return true;
    }
    return false;
}

const char *endpoint_host(const char *domain) {
    return strcmp(domain, "docker.io") == 0 ? "registry-1.docker.io" : domain;
}

/* "host[:port]" of an URL. */
static char *domain_of(const char *url) {
    const char *host = strstr(url, "://") + 3;
    return text_copy_n(host, strcspn(host, "/"));
}

int endpoint_set_url(Endpoint *endpoint, const char *url, bool skip_verify, Error *err) {
    bool tls = text_starts(url, "https://");
    if ((!tls && !text_starts(url, "http://")) || strpbrk(url, "@?# "))
        return error_set(err, ERROR_INVALID, "'%s' is not the URL of a registry", url);
    autofree char *domain = domain_of(url);
    endpoint->base = text_copy(url);
    size_t n = strlen(endpoint->base);
    while (n > 0 && endpoint->base[n - 1] == '/')
        endpoint->base[--n] = '\0';
    endpoint->loopback = address_is_loopback(domain);
    endpoint->verify = !skip_verify;
    return 0;
}

static int add(Endpoints *endpoints, const char *url, Endpoint like, Error *err) {
    TRY(endpoint_set_url(&like, url, !like.verify, err));
    array_append(endpoints->item, endpoints->n, like);
    return 0;
}

static int add_mirror(
    const RegistryConfig *config, const char *url, Endpoints *endpoints, Error *err) {
    bool tls = text_starts(url, "https://");
    if (!tls && !text_starts(url, "http://"))
        return error_set(err, ERROR_INVALID, "invalid registry mirror '%s': not a URL", url);
    autofree char *domain = domain_of(url);
    bool insecure = address_is_loopback(domain) || is_insecure(config, domain);
    if (!tls && !insecure)
        return error_set(err, ERROR_INVALID,
            "registry mirror '%s' is not encrypted: add it to"
            " insecure-registries to allow that",
            url);
    return add(
        endpoints, url, (Endpoint){.verify = !insecure, .mirror = true, .no_push = true}, err);
}

static int add_mirrors(
    const RegistryConfig *config, const JsonTexts *urls, Endpoints *endpoints, Error *err) {
    for (size_t i = 0; i < urls->n; i++)
        TRY(add_mirror(config, urls->item[i], endpoints, err));
    return 0;
}

/* Plain HTTP comes second where it may, but not for a registry whose CA somebody has named. */
static int add_registry(const RegistryConfig *config, const char *host, const char *ca,
    Endpoints *endpoints, Error *err) {
    const RegistryRule *rule = rule_find(config, host);
    bool loopback = address_is_loopback(host), insecure = loopback || is_insecure(config, host);
    autofree char *tls = text_format("https://%s", host), *plain = text_format("http://%s", host);
    TRY(add(endpoints, tls, (Endpoint){.verify = !insecure, .credentials = true}, err));
    return insecure && !ca && !(rule && rule->ca)
               ? add(endpoints, plain, (Endpoint){.credentials = loopback}, err)
               : 0;
}

/* hosts.toml knows neither who gets the user's password nor what is plain on purpose: the first is
 * the registry itself, where nobody listens, and the second has been written down by writing http.
 */
static void take_hosts(Hosts *hosts, const char *domain, Endpoints *ret) {
    *ret = hosts->endpoints;
    hosts->endpoints = (Endpoints){};
    for (size_t i = 0; i < ret->n; i++) {
        Endpoint *endpoint = &ret->item[i];
        autofree char *host = domain_of(endpoint->base);
        bool own = strcmp(host, endpoint_host(domain)) == 0;
        endpoint->mirror = i + 1 < ret->n || !own;
        endpoint->credentials =
            own && (endpoint->loopback || text_starts(endpoint->base, "https://"));
        if (!own)
            endpoint->registry = text_copy(domain);
    }
}

/* What the table says about the host that is spoken to. */
static int apply_rule(const RegistryConfig *config, Endpoint *endpoint, Error *err) {
    const RegistryRule *rule = rule_find(config, strstr(endpoint->base, "://") + 3);
    HttpIdentity *identity = &endpoint->identity;
    if (!rule)
        return 0;
    if (rule->ca)
        TRY(identity_add_ca(identity, AT_FDCWD, rule->ca, err));
    endpoint->verify = endpoint->verify || (rule->ca && !rule->insecure.value);
    if (rule->client_cert && !identity->certificate) {
        identity->certificate = text_copy(rule->client_cert);
        identity->key = text_copy(rule->client_key);
    }
    for (size_t i = 0; i < rule->headers.n; i++)
        json_map_set(&identity->headers, rule->headers.key[i], rule->headers.value[i]);
    endpoint->username = text_copy(rule->username);
    endpoint->password = text_copy(rule->password);
    /* A mirror's own password may go where the user's may not. */
    if (endpoint->username)
        endpoint->credentials =
            endpoint->credentials || endpoint->loopback || text_starts(endpoint->base, "https://");
    return 0;
}

/* Who names a CA wants it to be looked at, also on this machine. */
static void take_identity(Endpoint *endpoint, const HttpIdentity *identity) {
    http_identity_copy(identity, &endpoint->identity);
    endpoint->verify = endpoint->verify || identity->ca;
}

static int list(const RegistryConfig *config, const char *domain, const char *name, Hosts *hosts,
    Endpoints *ret, Error *err) {
    const RegistryRule *rule = rule_find(config, name);
    if (rule && rule->blocked.value)
        return error_set(err, ERROR_DENIED, "%s is blocked by the engine's configuration", name);
    TRY(hosts_load(config, domain, hosts, err));
    if (hosts->found) {
        take_hosts(hosts, domain, ret);
        return 0;
    }
    if (rule)
        TRY(add_mirrors(config, &rule->mirrors, ret, err));
    if (strcmp(domain, "docker.io") == 0)
        TRY(add_mirrors(config, &config->mirrors, ret, err));
    size_t first = ret->n;
    TRY(add_registry(config, endpoint_host(domain), hosts->identity.ca, ret, err));
    for (size_t i = first; i < ret->n; i++)
        take_identity(&ret->item[i], &hosts->identity);
    return 0;
}

int endpoints_list(const RegistryConfig *config, const char *domain, const char *path,
    Endpoints *ret, Error *err) {
    autodone(Hosts) hosts = {};
    autofree char *name = text_format("%s/%s", domain, path);
    *ret = (Endpoints){};
    TRY(list(config, domain, name, &hosts, ret, err));
    for (size_t i = 0; i < ret->n; i++)
        TRY(apply_rule(config, &ret->item[i], err));
    return 0;
}

char *endpoint_url(const Endpoint *endpoint, const char *path, const char *kind, const char *name) {
    const char *more = strchr(name, '?') ? "&ns=" : "?ns=";
    return text_format("%s%s/%s/%s/%s%s%s", endpoint->base, endpoint->whole_path ? "" : "/v2", path,
        kind, name, endpoint->registry ? more : "", endpoint->registry ? endpoint->registry : "");
}

static void endpoint_done(Endpoint *endpoint) {
    free(endpoint->base);
    free(endpoint->username);
    secret_free(endpoint->password);
    free(endpoint->registry);
    http_identity_done(&endpoint->identity);
}

void endpoints_done(Endpoints *endpoints) {
    for (size_t i = 0; i < endpoints->n; i++)
        endpoint_done(&endpoints->item[i]);
    free(endpoints->item);
    *endpoints = (Endpoints){};
}

static bool is_loopback_url(const char *url) {
    const char *host = strstr(url, "://");
    if (!host)
        return false;
    autofree char *domain = text_copy_n(host + 3, strcspn(host + 3, "/?#"));
    return !strchr(domain, '@') && address_is_loopback(domain);
}

/* Plain HTTP only where the registry itself is spoken to so. */
bool endpoint_allows_realm(const Endpoint *endpoint, const char *realm) {
    if (text_starts(realm, "https://"))
        return true;
    return text_starts(realm, "http://") && text_starts(endpoint->base, "http://") &&
           (!endpoint->loopback || is_loopback_url(realm));
}

bool endpoint_trusts_realm(const Endpoint *endpoint, const char *realm) {
    return endpoint->credentials && (text_starts(realm, "https://") || is_loopback_url(realm));
}
