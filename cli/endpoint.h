// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>

#include "base/error.h"

/* Where the engine listens, and how to make one listen there (docs/architecture.md). */
typedef struct Endpoint {
    char *host;  /* "unix:///run/tare/tared.sock", as shown to the user */
    char *state; /* directory of the engine that may be started; NULL when the user named a host */
} Endpoint;

/* `host` is -H or NULL. ERROR_INVALID: a scheme that we do not speak. */
int endpoint_find(const char *host, Endpoint *ret, Error *err);
void endpoint_done(Endpoint *endpoint);

/* Connects; when nothing answers and endpoint->state is set, starts tared and waits for it.
 * Concurrent starts are harmless: the engines settle it by their lock, all clients get the winner.
 */
int endpoint_connect(const Endpoint *endpoint, int *ret_fd, Error *err);
