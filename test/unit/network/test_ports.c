// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"
#include "engine/network/firewall.h"
#include "engine/network/ports.h"

#include <cmocka.h>

static PortBinding binding(const char *host_ip, uint16_t host_port, PortProtocol protocol) {
    PortBinding value = {.host_port = host_port, .container_port = 80, .protocol = protocol};
    snprintf(value.host_ip, sizeof value.host_ip, "%s", host_ip);
    return value;
}

static int reserve(PortTable *table, const char *endpoint, PortBinding *port, Error *err) {
    PortRequest request = {.endpoint = endpoint, .ip = "172.17.0.2"};
    return port_table_reserve(table, &request, port, err);
}

static void free_ports_are_all_different(void **state) {
    PortTable table = {};
    Error err;
    for (int i = 0; i < 400; i++) {
        PortBinding port = binding("127.0.0.1", 0, i % 2 ? PORT_UDP : PORT_TCP);
        assert_int_equal(reserve(&table, "a", &port, &err), 0);
        assert_int_not_equal(port.host_port, 0);
        for (size_t j = 0; j + 1 < table.n; j++)
            assert_false(table.item[j].binding.host_port == port.host_port &&
                         table.item[j].binding.protocol == port.protocol);
    }
    port_table_done(&table);
}

static void a_port_is_reserved_once_until_it_is_released(void **state) {
    PortTable table = {};
    Error err;
    PortBinding port = binding("127.0.0.1", 0, PORT_TCP);
    assert_int_equal(reserve(&table, "a", &port, &err), 0);
    PortBinding same = binding("127.0.0.1", port.host_port, PORT_TCP);
    PortBinding all = binding("0.0.0.0", port.host_port, PORT_TCP);
    PortBinding elsewhere = binding("127.0.0.2", port.host_port, PORT_TCP);
    assert_int_equal(reserve(&table, "b", &same, &err), ERROR_EXISTS);
    assert_non_null(strstr(err.message, "failed: port is already allocated"));
    assert_int_equal(reserve(&table, "b", &all, &err), ERROR_EXISTS);
    assert_int_equal(reserve(&table, "b", &elsewhere, &err), 0);
    port_table_release(&table, "a");
    assert_int_equal(table.n, 1);
    assert_int_equal(reserve(&table, "c", &same, &err), 0);
    port_table_done(&table);
}

static void the_kernel_refuses_the_port_to_everybody_else(void **state) {
    PortTable table = {};
    Error err;
    PortBinding found = binding("127.0.0.1", 0, PORT_TCP);
    assert_int_equal(reserve(&table, "a", &found, &err), 0);
    port_table_release(&table, "a");
    PortBinding port = binding("127.0.0.1", found.host_port, PORT_TCP);
    assert_int_equal(reserve(&table, "a", &port, &err), 0);
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
        .sin_port = htons(port.host_port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    int r = bind(fd, (struct sockaddr *)&address, sizeof address);
    if (r == 0)
        r = listen(fd, 1);
    assert_int_equal(r, -1);
    close(fd);
    /* nor is anybody let in who connects past the packet filter */
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), -1);
    close(fd);
    PortTable other = {};
    assert_int_equal(reserve(&other, "b", &port, &err), ERROR_EXISTS);
    assert_non_null(strstr(err.message, "failed to bind host port for 127.0.0.1:"));
    port_table_done(&other);
    port_table_done(&table);
}

static void nonsense_is_refused(void **state) {
    PortTable table = {};
    Error err;
    PortProtocol protocol;
    PortBinding port = binding("localhost", 0, PORT_TCP);
    assert_int_equal(reserve(&table, "a", &port, &err), ERROR_INVALID);
    port = binding("127.0.0.1", 0, PORT_TCP);
    port.container_port = 0;
    assert_int_equal(reserve(&table, "a", &port, &err), ERROR_INVALID);
    assert_int_equal(port_protocol_parse("sctp", &protocol, &err), ERROR_INVALID);
    assert_int_equal(port_protocol_parse("udp", &protocol, &err), 0);
    assert_int_equal(protocol, PORT_UDP);
    assert_int_equal(table.n, 0);
}

static void the_filter_is_named_after_the_bridge(void **state) {
    PortTable table = {};
    FirewallState all = {
        .subnet = {0xac110001, 16}, .icc = true, .masquerade = true, .ports = &table};
    static const char *const names[][2] = {{"tare0", "table ip tare0 {"},
        {"br-two", "table ip tare_br_two {"}, {"ip", "table ip tare_ip {"},
        {"9", "table ip tare_9 {"}};
    for (size_t i = 0; i < array_size(names); i++) {
        autoptr(Firewall) firewall = firewall_new(names[i][0]);
        autodone(Text) text = {};
        firewall_format(firewall, &all, &text);
        assert_non_null(strstr(text.data, names[i][1]));
    }
}

static void the_filter_follows_the_configuration(void **state) {
    PortTable table = {};
    FirewallState strict = {.subnet = {0x0a010203, 22}, .ports = &table};
    FirewallState open = {
        .subnet = {0x0a010203, 22}, .icc = true, .masquerade = true, .ports = &table};
    autoptr(Firewall) firewall = firewall_new("tare0");
    autodone(Text) less = {};
    autodone(Text) more = {};
    firewall_format(firewall, &strict, &less);
    firewall_format(firewall, &open, &more);
    static const char icc[] = "iifname \"tare0\" accept\n    drop\n",
                      masquerade[] =
                          "oifname != { \"tare0\", \"lo\" } ip saddr 10.1.0.0/22 masquerade\n";
    assert_true(strstr(more.data, icc) && strstr(more.data, masquerade));
    assert_false(strstr(less.data, icc) || strstr(less.data, masquerade));
    assert_non_null(strstr(less.data, "ct status dnat accept\n    drop\n"));
}

static void published_ports_are_elements_of_maps(void **state) {
    PortTable table = {};
    Error err;
    PortBinding everywhere = binding("0.0.0.0", 0, PORT_UDP),
                here = binding("127.0.0.1", 0, PORT_TCP);
    assert_int_equal(reserve(&table, "a", &everywhere, &err), 0);
    assert_int_equal(reserve(&table, "a", &here, &err), 0);
    FirewallState state_ = {.subnet = {0xac110001, 16}, .ports = &table};
    autoptr(Firewall) firewall = firewall_new("tare0");
    autodone(Text) reserved = {};
    firewall_format(firewall, &state_, &reserved);
    assert_null(strstr(reserved.data, "elements"));
    port_table_publish(&table, "a", true);
    autodone(Text) text = {};
    firewall_format(firewall, &state_, &text);
    char wanted[100];
    snprintf(wanted, sizeof wanted, "{ udp . %u : 172.17.0.2 . 80 }", everywhere.host_port);
    assert_non_null(strstr(text.data, wanted));
    snprintf(wanted, sizeof wanted, "{ 127.0.0.1 . tcp . %u : 172.17.0.2 . 80 }", here.host_port);
    assert_non_null(strstr(text.data, wanted));
    port_table_done(&table);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(free_ports_are_all_different),
        cmocka_unit_test(a_port_is_reserved_once_until_it_is_released),
        cmocka_unit_test(the_kernel_refuses_the_port_to_everybody_else),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(the_filter_is_named_after_the_bridge),
        cmocka_unit_test(the_filter_follows_the_configuration),
        cmocka_unit_test(published_ports_are_elements_of_maps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
