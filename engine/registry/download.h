// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/registry/registry.h"

/* A file that a user names by its URL: the tar of an import. No registry gives it, and none of
 * their passwords, certificates or exceptions are for it: TLS is checked by the system's
 * certificates alone. The proxies are the same. */
typedef struct Download {
    const char *url; /* http or https, without a user or a password */
    int (*start)(void *user, int64_t size, Error *err); /* it does come; size 0: not said */
    int (*write)(void *user, const void *data, size_t n, Error *err);
    int (*progress)(void *user); /* at least once a second; negative = stop (ERROR_CANCELLED) */
    void *user;
} Download;

/* All of it or an error, which names the URL. ERROR_INVALID: no such URL is fetched. */
int download(const RegistryConfig *config, const Download *what, Error *err);
