// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/network/address.h"

#include <cmocka.h>

static uint32_t ip(const char *text) {
    uint32_t value;
    Error err;
    assert_int_equal(ip_parse(text, &value, &err), 0);
    return value;
}

static Subnet subnet(const char *text) {
    Subnet value;
    Error err;
    assert_int_equal(subnet_parse(text, &value, &err), 0);
    return value;
}

static void addresses_are_parsed_strictly(void **state) {
    static const char *const bad[] = {"", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1.2.3.4 ", " 1.2.3.4",
        "01.2.3.4", "::1", "a.b.c.d", "1.2.3.4\n"};
    uint32_t value;
    Error err;
    for (size_t i = 0; i < array_size(bad); i++)
        assert_int_equal(ip_parse(bad[i], &value, &err), ERROR_INVALID);
    char text[NETWORK_IP_SIZE];
    assert_string_equal(ip_format(ip("172.17.0.2"), text), "172.17.0.2");
}

static void the_hardware_address_follows_from_the_address(void **state) {
    uint8_t mac[6];
    char text[18];
    mac_from_ip(ip("172.17.255.9"), mac);
    assert_string_equal(mac_format(mac, text), "02:42:ac:11:ff:09");
}

static void a_subnet_needs_an_address_that_the_bridge_can_have(void **state) {
    static const char *const bad[] = {"10.0.0.1", "10.0.0.1/", "10.0.0.1/x", "10.0.0.1/31",
        "10.0.0.1/7", "10.0.0.0/24", "10.0.0.255/24", "/24", "10.0.0.1/24/3", "10.0.0.1/-8"};
    Subnet value;
    Error err;
    for (size_t i = 0; i < array_size(bad); i++)
        assert_true(subnet_parse(bad[i], &value, &err) < 0);
    Subnet good = subnet("10.1.2.3/22");
    char text[NETWORK_SUBNET_SIZE];
    assert_string_equal(subnet_format(&good, text), "10.1.2.3/22");
    assert_int_equal(subnet_first(&good), ip("10.1.0.0"));
    assert_int_equal(subnet_last(&good), ip("10.1.3.255"));
}

static void overlap_is_seen_both_ways(void **state) {
    Subnet wide = subnet("10.0.0.1/8"), narrow = subnet("10.200.3.1/24"),
           other = subnet("11.0.0.1/8");
    assert_true(subnet_overlaps(&wide, &narrow) && subnet_overlaps(&narrow, &wide));
    assert_false(subnet_overlaps(&wide, &other) || subnet_overlaps(&other, &narrow));
}

static void the_first_subnet_that_nobody_uses_is_chosen(void **state) {
    Subnet used[17], chosen;
    size_t n = 0;
    Error err;
    char text[NETWORK_SUBNET_SIZE];
    assert_int_equal(subnet_choose(NULL, 0, &chosen, &err), 0);
    assert_string_equal(subnet_format(&chosen, text), "172.17.0.1/16");
    used[n++] = subnet("172.17.200.5/30");
    used[n++] = subnet("172.18.0.1/15");
    assert_int_equal(subnet_choose(used, n, &chosen, &err), 0);
    assert_string_equal(subnet_format(&chosen, text), "172.20.0.1/16");
    used[n++] = subnet("172.16.0.1/12");
    assert_int_equal(subnet_choose(used, n, &chosen, &err), ERROR_EXHAUSTED);
}

static void the_lowest_free_address_is_found(void **state) {
    AddressPool pool = {};
    Subnet net = subnet("10.0.0.3/29");
    uint32_t got;
    Error err;
    static const char *const order[] = {"10.0.0.1", "10.0.0.2", "10.0.0.4", "10.0.0.5", "10.0.0.6"};
    for (size_t i = 0; i < array_size(order); i++) {
        assert_int_equal(address_pool_find(&pool, &net, &got, &err), 0);
        assert_int_equal(got, ip(order[i]));
    }
    assert_int_equal(address_pool_find(&pool, &net, &got, &err), ERROR_EXHAUSTED);
    address_pool_release(&pool, ip("10.0.0.4"));
    address_pool_release(&pool, ip("10.0.0.4"));
    address_pool_release(&pool, ip("10.0.0.99"));
    assert_int_equal(address_pool_find(&pool, &net, &got, &err), 0);
    assert_int_equal(got, ip("10.0.0.4"));
    address_pool_done(&pool);
}

static void an_address_is_taken_once(void **state) {
    AddressPool pool = {};
    Error err;
    /* in any order, and from other subnets too: what records say */
    for (unsigned i = 0; i < 200; i++)
        assert_int_equal(address_pool_take(&pool, ip("10.0.0.0") + i * 37 % 251, &err), 0);
    assert_int_equal(pool.n, 200);
    for (size_t i = 1; i < pool.n; i++)
        assert_true(pool.taken[i - 1] < pool.taken[i]);
    assert_int_equal(address_pool_take(&pool, ip("10.0.0.37"), &err), ERROR_EXISTS);
    assert_string_equal(err.message, "address 10.0.0.37 is in use");
    for (unsigned i = 0; i < 200; i++)
        address_pool_release(&pool, ip("10.0.0.0") + i * 37 % 251);
    assert_int_equal(pool.n, 0);
    address_pool_done(&pool);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_parsed_strictly),
        cmocka_unit_test(the_hardware_address_follows_from_the_address),
        cmocka_unit_test(a_subnet_needs_an_address_that_the_bridge_can_have),
        cmocka_unit_test(overlap_is_seen_both_ways),
        cmocka_unit_test(the_first_subnet_that_nobody_uses_is_chosen),
        cmocka_unit_test(the_lowest_free_address_is_found),
        cmocka_unit_test(an_address_is_taken_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
