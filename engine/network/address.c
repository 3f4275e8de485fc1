// SPDX-License-Identifier: Apache-2.0
#include "engine/network/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

int ip_parse(const char *text, uint32_t *ret, Error *err) {
    struct in_addr address;
    if (inet_pton(AF_INET, text, &address) != 1)
        return error_set(err, ERROR_INVALID, "invalid IPv4 address: %s", text);
    *ret = ntohl(address.s_addr);
    return 0;
}

const char *ip_format(uint32_t ip, char ret[NETWORK_IP_SIZE]) {
    struct in_addr address = {htonl(ip)};
    inet_ntop(AF_INET, &address, ret, NETWORK_IP_SIZE);
    return ret;
}

void mac_from_ip(uint32_t ip, uint8_t ret[6]) {
    const uint8_t mac[6] = {0x02, 0x42, ip >> 24, ip >> 16, ip >> 8, ip};
    memcpy(ret, mac, sizeof mac);
}

const char *mac_format(const uint8_t mac[6], char ret[18]) {
    snprintf(
        ret, 18, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
    return ret;
}

static uint32_t subnet_mask(const Subnet *subnet) {
    return subnet->prefix == 0 ? 0 : UINT32_MAX << (32 - subnet->prefix);
}

uint32_t subnet_first(const Subnet *subnet) {
    return subnet->ip & subnet_mask(subnet);
}

uint32_t subnet_last(const Subnet *subnet) {
    return subnet->ip | ~subnet_mask(subnet);
}

bool subnet_contains(const Subnet *subnet, uint32_t ip) {
    return ip >= subnet_first(subnet) && ip <= subnet_last(subnet);
}

bool subnet_overlaps(const Subnet *a, const Subnet *b) {
    return subnet_first(a) <= subnet_last(b) && subnet_first(b) <= subnet_last(a);
}

int subnet_parse(const char *text, Subnet *ret, Error *err) {
    const char *slash = strchr(text, '/');
    uint64_t prefix;
    Subnet subnet;
    if (!slash)
        return error_set(err, ERROR_INVALID, "invalid subnet '%s': expected ADDRESS/PREFIX", text);
    autofree char *address = text_copy_n(text, (size_t)(slash - text));
    TRY(ip_parse(address, &subnet.ip, err));
    TRY(text_parse_uint(slash + 1, "subnet prefix", &prefix, err));
    if (prefix < 8 || prefix > 30)
        return error_set(err, ERROR_INVALID, "invalid subnet '%s': prefix is not 8 to 30", text);
    subnet.prefix = (unsigned)prefix;
    if (subnet.ip == subnet_first(&subnet) || subnet.ip == subnet_last(&subnet))
        return error_set(err, ERROR_INVALID,
            "invalid subnet '%s': the address must be one that the bridge can have, such as .1",
            text);
    *ret = subnet;
    return 0;
}

const char *subnet_format(const Subnet *subnet, char ret[NETWORK_SUBNET_SIZE]) {
    char ip[NETWORK_IP_SIZE];
    snprintf(ret, NETWORK_SUBNET_SIZE, "%s/%u", ip_format(subnet->ip, ip), subnet->prefix);
    return ret;
}

int subnet_choose(const Subnet *used, size_t used_n, Subnet *ret, Error *err) {
    for (uint32_t second = 17; second <= 31; second++) {
        Subnet subnet = {UINT32_C(172) << 24 | second << 16 | 1, 16};
        bool free = true;
        for (size_t i = 0; i < used_n; i++)
            free = free && !subnet_overlaps(&subnet, &used[i]);
        if (free) {
            *ret = subnet;
            return 0;
        }
    }
    return error_set(err, ERROR_EXHAUSTED,
        "no free subnet for the bridge in 172.17.0.0/16 to 172.31.0.0/16: set 'bip'");
}

void address_pool_done(AddressPool *pool) {
    free(pool->taken);
    *pool = (AddressPool){};
}

static int compare_addresses(const void *key, const void *item) {
    uint32_t a = *(const uint32_t *)key, b = *(const uint32_t *)item;
    return (a > b) - (a < b);
}

/* Where ip is, or where it would have to be put. */
static size_t pool_position(const AddressPool *pool, uint32_t ip) {
    return array_place(&ip, pool->taken, pool->n, sizeof *pool->taken, compare_addresses);
}

int address_pool_take(AddressPool *pool, uint32_t ip, Error *err) {
    size_t at = pool_position(pool, ip);
    if (at < pool->n && pool->taken[at] == ip) {
        char text[NETWORK_IP_SIZE];
        return error_set(err, ERROR_EXISTS, "address %s is in use", ip_format(ip, text));
    }
    array_insert(pool->taken, pool->n, at, ip);
    return 0;
}

int address_pool_find(AddressPool *pool, const Subnet *subnet, uint32_t *ret, Error *err) {
    uint32_t ip = subnet_first(subnet) + 1;
    for (size_t i = pool_position(pool, ip); ip < subnet_last(subnet); ip++) {
        if (i < pool->n && pool->taken[i] == ip) {
            i++;
        } else if (ip != subnet->ip) {
            TRY(address_pool_take(pool, ip, err));
            *ret = ip;
            return 0;
        }
    }
    char text[NETWORK_SUBNET_SIZE];
    return error_set(err, ERROR_EXHAUSTED, "no free address in %s", subnet_format(subnet, text));
}

void address_pool_release(AddressPool *pool, uint32_t ip) {
    size_t at = pool_position(pool, ip);
    if (at == pool->n || pool->taken[at] != ip)
        return;
    array_remove(pool->taken, pool->n, at);
}
