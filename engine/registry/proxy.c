// SPDX-License-Identifier: Apache-2.0
#include "engine/registry/proxy.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/registry/address.h"
#include "engine/registry/secret.h"

static char *choose(const char *configured, const char *upper, const char *lower) {
    const char *const from[] = {configured, getenv(upper), getenv(lower)};
    for (size_t i = 0; i < array_size(from); i++)
        if (!text_is_empty(from[i]))
            return text_copy(from[i]);
    return NULL;
}

void proxies_read(const RegistryConfig *config, Proxies *ret) {
    *ret = (Proxies){
        .http = choose(config->http_proxy, "HTTP_PROXY", "http_proxy"),
        .https = choose(config->https_proxy, "HTTPS_PROXY", "https_proxy"),
        .none = choose(config->no_proxy, "NO_PROXY", "no_proxy"),
    };
}

void proxies_done(Proxies *proxies) {
    secret_free(proxies->http);
    secret_free(proxies->https);
    free(proxies->none);
    *proxies = (Proxies){};
}

/* New string; NULL: it has none, or is no URL. */
static char *part_of(const char *url, CURLUPart part) {
    CURLU *parsed = curl_url();
    char *text = NULL; /* curl's memory */
    if (!parsed)
        abort(); /* no memory */
    if (curl_url_set(parsed, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK)
        curl_url_get(parsed, part, &text, CURLU_DEFAULT_PORT);
    char *copy = text_copy(text);
    curl_free(text);
    curl_url_cleanup(parsed);
    return copy;
}

static bool same_text(const char *a, size_t n, const char *b) {
    return strlen(b) == n && strncasecmp(a, b, n) == 0;
}

/* "example.org" is that host and what is below it, ".example.org" and "*.example.org" only what is
 * below. */
static bool names_host(const char *entry, size_t n, const char *host) {
    if (n > 0 && *entry == '*') {
        entry++;
        n--;
    }
    size_t length = strlen(host);
    if (n == 0)
        return true;
    if (same_text(entry, n, host))
        return true;
    if (length <= n || strncasecmp(host + length - n, entry, n) != 0)
        return false;
    return *entry == '.' || host[length - n - 1] == '.';
}

/* Where the port of "host:port" or "[address]:port" begins; n: there is none. More than one colon
 * is an address of IPv6. */
static size_t port_at(const char *entry, size_t n) {
    const char *colon = memrchr(entry, ':', n);
    if (!colon || (memchr(entry, ':', (size_t)(colon - entry)) && colon[-1] != ']'))
        return n;
    return (size_t)(colon - entry);
}

static bool covers(const char *entry, size_t n, const char *host, const char *port) {
    autofree char *network = text_copy_n(entry, n);
    if (strchr(network, '/'))
        return address_in_network(host, network);
    size_t name = port_at(entry, n);
    if (name < n && !same_text(entry + name + 1, n - name - 1, port))
        return false;
    if (name > 1 && *entry == '[' && entry[name - 1] == ']')
        return same_text(entry + 1, name - 2, host);
    return names_host(entry, name, host);
}

static bool is_excepted(const char *list, const char *host, const char *port) {
    static const char between[] = ", \t";
    for (const char *at = list + strspn(list, between); *at; at += strspn(at, between)) {
        size_t n = strcspn(at, between);
        if (covers(at, n, host, port))
            return true;
        at += n;
    }
    return false;
}

static bool goes_directly(const Proxies *proxies, const char *url) {
    autofree char *named = part_of(url, CURLUPART_HOST), *port = part_of(url, CURLUPART_PORT);
    if (!named || !port)
        return true; /* no URL: who asks it will say so */
    if (address_is_loopback(named))
        return true;
    bool bracketed = *named == '[';
    autofree char *host =
        text_copy_n(named + bracketed, bracketed ? strcspn(named + 1, "]") : strlen(named));
    return proxies->none && is_excepted(proxies->none, host, port);
}

/* libcurl's own complaints about a proxy that it does not understand would show its password. */
static bool is_proxy(const char *url) {
    static const char *const schemes[] = {
        "http", "https", "socks4", "socks4a", "socks5", "socks5h"};
    autofree char *scheme = part_of(url, CURLUPART_SCHEME), *host = part_of(url, CURLUPART_HOST);
    for (size_t i = 0; scheme && !text_is_empty(host) && i < array_size(schemes); i++)
        if (strcasecmp(scheme, schemes[i]) == 0)
            return true;
    return false;
}

int proxy_choose(const Proxies *proxies, const char *url, char **ret, Error *err) {
    bool tls = text_starts(url, "https://");
    const char *set = tls ? proxies->https : proxies->http;
    *ret = NULL;
    if (!set || goes_directly(proxies, url))
        return 0;
    char *proxy = strstr(set, "://") ? text_copy(set) : text_format("http://%s", set);
    *ret = proxy;
    if (is_proxy(proxy))
        return 0;
    secret_free(proxy);
    *ret = NULL;
    return error_set(err, ERROR_INVALID,
        "the proxy that the engine is to use for %s is not the URL of a proxy",
        tls ? "https" : "http");
}

char *proxy_name(const char *proxy) {
    autofree char *scheme = part_of(proxy, CURLUPART_SCHEME);
    autofree char *host = part_of(proxy, CURLUPART_HOST);
    autofree char *port = part_of(proxy, CURLUPART_PORT);
    return text_format(
        "%s://%s%s%s", scheme ? scheme : "", host ? host : "", port ? ":" : "", port ? port : "");
}
