// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include "base/memory.h"
#include "engine/network/resolver.h"

#include <cmocka.h>

static void expect(const Resolver *resolver, const char *host_file, const char *wanted) {
    autodone(Text) out = {};
    resolver_format(resolver, host_file, &out);
    assert_string_equal(out.data ? out.data : "", wanted);
}

static void servers_of_the_host_are_taken_over(void **state) {
    expect(&(Resolver){},
        "# a comment\n\nsearch a.org b.org\n nameserver\t192.0.2.1 # near\nnameserver 2001:db8::1;x\n"
        "options ndots:2\nsortlist 10.0.0.0\n",
        "nameserver 192.0.2.1\nnameserver 2001:db8::1\nsearch a.org b.org\noptions ndots:2\n");
}

static void servers_on_loopback_are_left_out(void **state) {
    static const char file[] = "nameserver 127.0.0.53\nnameserver ::1\nnameserver 192.0.2.1\n";
    expect(&(Resolver){}, file, "nameserver 192.0.2.1\n");
    expect(&(Resolver){.shares_host = true}, file,
        "nameserver 127.0.0.53\nnameserver ::1\nnameserver 192.0.2.1\n");
}

static void without_a_server_there_are_dockers(void **state) {
    static const char dockers[] = "nameserver 8.8.8.8\nnameserver 8.8.4.4\n";
    expect(&(Resolver){}, "", dockers);
    expect(&(Resolver){}, "nameserver 127.0.0.1\n", dockers);
    expect(&(Resolver){}, "nameserver\nnameservers 192.0.2.1\nnameserver192.0.2.1\n", dockers);
    expect(&(Resolver){.shares_host = true}, "", "");
}

static void configured_values_replace_the_hosts(void **state) {
    char *servers[] = {"192.0.2.7", "192.0.2.8", NULL}, *search[] = {"x.org", "y.org", NULL},
         *options[] = {"ndots:1", "rotate", NULL}, *none[] = {NULL};
    static const char file[] = "nameserver 192.0.2.1\nsearch a.org\noptions timeout:1\n";
    expect(&(Resolver){servers, search, options, false}, file,
        "nameserver 192.0.2.7\nnameserver 192.0.2.8\nsearch x.org y.org\noptions ndots:1 rotate\n");
    expect(&(Resolver){none, none, none, false}, file, file);
}

static void the_old_domain_line_counts_when_there_is_no_search(void **state) {
    expect(&(Resolver){}, "nameserver 192.0.2.1\ndomain a.org\n",
        "nameserver 192.0.2.1\ndomain a.org\n");
}

static void control_characters_do_not_travel(void **state) {
    expect(&(Resolver){}, "nameserver 192.0.2.1\r\nsearch a\vb\nsearch ok.org\r\n",
        "nameserver 192.0.2.1\nsearch ok.org\n");
}

static void configured_values_stay_in_their_line(void **state) {
    static const char *const bad[] = {"", "a b", "a\nnameserver 6.6.6.6", "a\tb", "\x7f"};
    Error err;
    for (size_t i = 0; i < array_size(bad); i++) {
        char *values[] = {"192.0.2.1", (char *)bad[i], NULL};
        assert_int_equal(resolver_check(&(Resolver){.servers = values}, &err), ERROR_INVALID);
        assert_int_equal(resolver_check(&(Resolver){.search = values}, &err), ERROR_INVALID);
        assert_int_equal(resolver_check(&(Resolver){.options = values}, &err), ERROR_INVALID);
    }
    char *good[] = {"192.0.2.1", "example.org", "ndots:1", NULL};
    assert_int_equal(resolver_check(&(Resolver){good, good, good, false}, &err), 0);
    assert_int_equal(resolver_check(&(Resolver){}, &err), 0);
}

static void a_file_suits_when_it_names_a_server_in_reach(void **state) {
    char *servers[] = {"192.0.2.7", NULL};
    assert_false(resolver_suits(&(Resolver){}, "nameserver 127.0.0.53\n"));
    assert_true(resolver_suits(&(Resolver){.shares_host = true}, "nameserver 127.0.0.53\n"));
    assert_true(resolver_suits(&(Resolver){.servers = servers}, "nameserver 127.0.0.53\n"));
    assert_true(resolver_suits(&(Resolver){}, "nameserver 192.0.2.1\n"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(servers_of_the_host_are_taken_over),
        cmocka_unit_test(servers_on_loopback_are_left_out),
        cmocka_unit_test(without_a_server_there_are_dockers),
        cmocka_unit_test(configured_values_replace_the_hosts),
        cmocka_unit_test(the_old_domain_line_counts_when_there_is_no_search),
        cmocka_unit_test(control_characters_do_not_travel),
        cmocka_unit_test(configured_values_stay_in_their_line),
        cmocka_unit_test(a_file_suits_when_it_names_a_server_in_reach),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
