// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/network/network.h"

/* The default network: a bridge of our own, an address for each container, and the packet filter.
 * Owned by the Network; locks for itself. */
typedef struct Bridge Bridge;

int bridge_new(const NetworkConfig *config, Bridge **ret, Error *err);
void bridge_free(Bridge *bridge);
CLEANUP_DEFINE(Bridge, bridge_free)

/* "gateway/prefix", "" before one is chosen. */
void bridge_subnet(Bridge *bridge, char ret[NETWORK_SUBNET_SIZE]);
