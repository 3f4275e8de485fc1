// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/error.h"
#include "engine/registry/registry.h"

/* Through which proxy an URL is asked, by the rules of the engines that users come from
 * (https://pkg.go.dev/golang.org/x/net/http/httpproxy): one for each scheme, loopback and what
 * no_proxy names directly. libcurl's own reading of the environment differs: it knows no
 * HTTP_PROXY in capitals, and no port in no_proxy. Private to engine/registry. */
typedef struct Proxies {
    char *http, *https; /* "[scheme://][user:password@]host[:port]"; NULL: none */
    char *none;         /* no_proxy; NULL: nothing */
} Proxies;

/* What the configuration does not say, the environment may. */
void proxies_read(const RegistryConfig *config, Proxies *ret);
void proxies_done(Proxies *proxies);

/* New string; NULL: directly. ERROR_INVALID: what is set is no proxy's URL. */
int proxy_choose(const Proxies *proxies, const char *url, char **ret, Error *err);

/* "scheme://host:port" of what was chosen, for messages: a password is not shown. New string. */
char *proxy_name(const char *proxy);
