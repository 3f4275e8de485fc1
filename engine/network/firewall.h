// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/cleanup.h"
#include "base/error.h"
#include "base/text.h"
#include "engine/network/address.h"
#include "engine/network/ports.h"

/* The packet filter of one bridge: one nftables table of family ip, named after the bridge, which
 * only we write. Published ports are elements of its maps, so that a packet's way does not grow
 * with their number. Not locked. The only door to libnftables. */
typedef struct Firewall Firewall;

/* bridge: a checked interface name. */
Firewall *firewall_new(const char *bridge);
void firewall_free(Firewall *firewall); /* leaves the table alone */
CLEANUP_DEFINE(Firewall, firewall_free)

/* What the table is made of. Borrowed. */
typedef struct FirewallState {
    Subnet subnet;
    bool icc, masquerade;
    const PortTable *ports;
} FirewallState;

/* Replaces the whole table, in one transaction. */
int firewall_apply(Firewall *firewall, const FirewallState *state, Error *err);

/* Adds or removes the elements of one endpoint's published ports, in one transaction. When the
 * table is not as it should be (somebody flushed it), the whole is applied. Nothing published,
 * nothing done. */
int firewall_add(Firewall *firewall, const FirewallState *state, const char *endpoint, Error *err);
int firewall_remove(
    Firewall *firewall, const FirewallState *state, const char *endpoint, Error *err);

/* Applies the whole if somebody has deleted the table. */
int firewall_restore(Firewall *firewall, const FirewallState *state, Error *err);

/* Borrowed. */
const char *firewall_table(const Firewall *firewall);

/* Removes the table; absence is success. */
int firewall_tear_down(Firewall *firewall, Error *err);

/* The table in nft(8)'s language, as firewall_apply hands it over. */
void firewall_format(const Firewall *firewall, const FirewallState *state, Text *ret);
