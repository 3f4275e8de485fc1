// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>

#include "base/error.h"
#include "base/text.h"

/* resolv.conf(5) of a container: what the engine's configuration says, else the host's file. */
typedef struct Resolver {
    char *const *servers, *const *search, *const *options; /* NULL or empty: the host's */
    bool shares_host; /* loopback is the host's, so its servers there answer */
} Resolver;

/* ERROR_INVALID: a configured value would break out of its line. */
int resolver_check(const Resolver *resolver, Error *err);

/* Does the host's file lead to a server that a container reaches? */
bool resolver_suits(const Resolver *resolver, const char *host_file);

/* Without any server that a container reaches: 8.8.8.8 and 8.8.4.4, as Docker. */
void resolver_format(const Resolver *resolver, const char *host_file, Text *ret);
