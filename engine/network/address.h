// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "engine/network/network.h"

/* IPv4 addresses and subnets as numbers in host order, and which of them are taken. */

int ip_parse(const char *text, uint32_t *ret, Error *err);
const char *ip_format(uint32_t ip, char ret[NETWORK_IP_SIZE]);

/* Docker's "02:42:" and the four bytes of the address. */
void mac_from_ip(uint32_t ip, uint8_t ret[6]);
const char *mac_format(const uint8_t mac[6], char ret[18]);

/* An address together with the size of its network: 172.17.0.1/16. */
typedef struct Subnet {
    uint32_t ip;
    unsigned prefix;
} Subnet;

/* "172.17.0.1/16". ERROR_INVALID also when no container would fit. */
int subnet_parse(const char *text, Subnet *ret, Error *err);
const char *subnet_format(const Subnet *subnet, char ret[NETWORK_SUBNET_SIZE]);
uint32_t subnet_first(const Subnet *subnet); /* the network's own address, 172.17.0.0 */
uint32_t subnet_last(const Subnet *subnet);  /* the broadcast address, 172.17.255.255 */
bool subnet_contains(const Subnet *subnet, uint32_t ip);
bool subnet_overlaps(const Subnet *a, const Subnet *b);

/* The first of 172.17.0.1/16 … 172.31.0.1/16 that overlaps none of `used`. ERROR_EXHAUSTED. */
int subnet_choose(const Subnet *used, size_t used_n, Subnet *ret, Error *err);

/* Addresses that containers hold. Not locked: its owner's lock protects it. */
typedef struct AddressPool {
    uint32_t *taken; /* ascending */
    size_t n;
} AddressPool;
void address_pool_done(AddressPool *pool);

/* ERROR_EXISTS: somebody has it. */
int address_pool_take(AddressPool *pool, uint32_t ip, Error *err);

/* The lowest free address of the subnet beside the subnet's own. ERROR_EXHAUSTED. */
int address_pool_find(AddressPool *pool, const Subnet *subnet, uint32_t *ret, Error *err);
void address_pool_release(AddressPool *pool, uint32_t ip);
