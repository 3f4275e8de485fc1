// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/network/network.h"

/* The kernel remembers for each flow where its packets go, and asks the packet filter about the
 * first one only. A UDP flow has no end: clients that go on sending would miss a port that was
 * published meanwhile, or keep speaking to a container that is gone. Deletes the memory of flows to
 * the host ports of these bindings that are UDP; nothing to do is nothing done. */
int conntrack_forget(const PortBinding *ports, size_t n, Error *err);
