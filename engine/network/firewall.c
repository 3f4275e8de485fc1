// SPDX-License-Identifier: Apache-2.0
#include "engine/network/firewall.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <nftables/libnftables.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

struct Firewall {
    char bridge[NETWORK_INTERFACE_SIZE];
    char table[2 * NETWORK_INTERFACE_SIZE];
    struct nft_ctx *context; /* made at first use */
};

/* nft's names are narrower than interface names, and some words are its own. */
static void name_table(const char *bridge, char *ret, size_t size) {
    snprintf(ret, size, "%s%s", text_starts(bridge, "tare") ? "" : "tare_", bridge);
    for (char *c = ret; *c; c++) {
        if (!isalnum((unsigned char)*c) && *c != '_')
            *c = '_';
    }
}

Firewall *firewall_new(const char *bridge) {
    Firewall *firewall = new (Firewall);
    snprintf(firewall->bridge, sizeof firewall->bridge, "%s", bridge);
    name_table(bridge, firewall->table, sizeof firewall->table);
    return firewall;
}

void firewall_free(Firewall *firewall) {
    if (!firewall)
        return;
    if (firewall->context)
        nft_ctx_free(firewall->context);
    free(firewall);
}

/* nft's first line without its "Error: ", in our case of letters. */
static char *explain(const char *text) {
    if (!text)
        text = "";
    if (text_starts(text, "Error: "))
        text += strlen("Error: ");
    char *line = text_copy_n(text, strcspn(text, "\n"));
    line[0] = (char)tolower((unsigned char)line[0]);
    return line;
}

static int run(Firewall *firewall, const char *commands, Error *err) {
    if (!firewall->context) {
        firewall->context = nft_ctx_new(NFT_CTX_DEFAULT);
        if (!firewall->context)
            return error_set(err, ERROR_INTERNAL, "cannot start nftables");
        nft_ctx_buffer_output(firewall->context);
        nft_ctx_buffer_error(firewall->context);
    }
    int r = nft_run_cmd_from_buffer(firewall->context, commands);
    nft_ctx_get_output_buffer(firewall->context); /* reading empties them, both */
    autofree char *why = explain(nft_ctx_get_error_buffer(firewall->context));
    return r == 0 ? 0
                  : error_set(err, ERROR_INTERNAL, "cannot change the packet filter table '%s': %s",
                        firewall->table, why);
}

static bool is_any(const PortBinding *binding) {
    return text_equal(binding->host_ip, "0.0.0.0");
}

/* "tcp . 8080" or "192.0.2.2 . tcp . 8080" */
static void format_key(const PortBinding *binding, Text *out) {
    if (!is_any(binding))
        text_append_format(out, "%s . ", binding->host_ip);
    text_append_format(out, "%s . %u", port_protocol_name(binding->protocol), binding->host_port);
}

static void format_value(const Port *port, Text *out) {
    text_append_format(out, " : %s . %u", port->ip, port->binding.container_port);
}

static void format_map(
    const char *name, const char *key, const PortTable *ports, bool any, Text *out) {
    text_append_format(out, "  map %s {\n    type %s : ipv4_addr . inet_service\n", name, key);
    bool first = true;
    for (size_t i = 0; i < ports->n; i++) {
        if (!ports->item[i].published || is_any(&ports->item[i].binding) != any)
            continue;
        text_append(out, first ? "    elements = { " : ", ");
        format_key(&ports->item[i].binding, out);
        format_value(&ports->item[i], out);
        first = false;
    }
    text_append(out, first ? "  }\n" : " }\n  }\n");
}

/* The words @B and @S in the rules below stand for bridge and subnet. */
static void format_rules(
    const Firewall *firewall, const FirewallState *state, const char *rules, Text *out) {
    char ip[NETWORK_IP_SIZE];
    for (; *rules; rules++) {
        if (*rules == '@' && rules[1] == 'B')
            text_append_format(out, "\"%s\"", firewall->bridge);
        else if (*rules == '@' && rules[1] == 'S')
            text_append_format(
                out, "%s/%u", ip_format(subnet_first(&state->subnet), ip), state->subnet.prefix);
        else {
            text_append_char(out, *rules);
            continue;
        }
        rules++;
    }
}

/* Packets to an address of this machine at a published port go to its container. Those to 127/8
 * that arrive on a wire do not: a neighbour could send them, and the kernel drops them next. */
static const char publish_rules[] =
    "  chain publish {\n"
    "    dnat ip to ip daddr . meta l4proto . th dport map @published_address\n"
    "    dnat ip to meta l4proto . th dport map @published\n"
    "  }\n"
    "  chain prerouting {\n"
    "    type nat hook prerouting priority -100; policy accept;\n"
    "    ip daddr 127.0.0.0/8 return\n"
    "    fib daddr type local jump publish\n"
    "  }\n"
    "  chain output {\n"
    "    type nat hook output priority -100; policy accept;\n"
    "    fib daddr type local jump publish\n"
    "  }\n";

/* The bridge has route_localnet, so that connections of this machine to 127.0.0.1 can be led to a
 * container. That would also let containers reach this machine's loopback services. */
static const char loopback_rules[] =
    "  chain loopback {\n"
    "    type filter hook prerouting priority -300; policy accept;\n"
    "    iifname @B ip daddr 127.0.0.0/8 drop\n"
    "    iifname @B ip saddr 127.0.0.0/8 drop\n"
    "  }\n";

/* An answer must come back through us to be translated back: those to a container that spoke to a
 * published port of its own bridge, and those to a program that spoke to 127.0.0.1. */
static const char answer_rules[] = "    oifname @B ip saddr 127.0.0.0/8 masquerade\n"
                                   "    oifname @B ip saddr @S ct status dnat masquerade\n";
static const char masquerade_rules[] = "    oifname != { @B, \"lo\" } ip saddr @S masquerade\n";

static const char forward_rules[] = "  chain forward {\n"
                                    "    type filter hook forward priority 0; policy accept;\n"
                                    "    oifname != @B accept\n"
                                    "    ct state established,related accept\n"
                                    "    ct status dnat accept\n";
static const char icc_rules[] = "    iifname @B accept\n";

void firewall_format(const Firewall *firewall, const FirewallState *state, Text *ret) {
    text_append_format(ret, "table ip %s {\n", firewall->table);
    format_map("published", "inet_proto . inet_service", state->ports, true, ret);
    format_map(
        "published_address", "ipv4_addr . inet_proto . inet_service", state->ports, false, ret);
    format_rules(firewall, state, publish_rules, ret);
    format_rules(firewall, state, loopback_rules, ret);
    text_append(ret, "  chain postrouting {\n"
                     "    type nat hook postrouting priority 100; policy accept;\n");
    format_rules(firewall, state, answer_rules, ret);
    if (state->masquerade)
        format_rules(firewall, state, masquerade_rules, ret);
    text_append(ret, "  }\n");
    format_rules(firewall, state, forward_rules, ret);
    if (state->icc)
        format_rules(firewall, state, icc_rules, ret);
    text_append(ret, "    drop\n  }\n}\n");
}

int firewall_apply(Firewall *firewall, const FirewallState *state, Error *err) {
    autodone(Text) commands = {};
    /* Adding first lets the deletion succeed when there was none (nft(8) before 1.0.8). */
    text_append_format(
        &commands, "add table ip %s\ndelete table ip %s\n", firewall->table, firewall->table);
    firewall_format(firewall, state, &commands);
    return run(firewall, commands.data, err);
}

int firewall_restore(Firewall *firewall, const FirewallState *state, Error *err) {
    autofree char *command = text_format("list chain ip %s loopback", firewall->table);
    return run(firewall, command, err) < 0 ? firewall_apply(firewall, state, err) : 0;
}

const char *firewall_table(const Firewall *firewall) {
    return firewall->table;
}

static size_t format_elements(const Firewall *firewall, const FirewallState *state,
    const char *endpoint, const char *act, Text *out) {
    size_t n = 0;
    for (size_t i = 0; i < state->ports->n; i++) {
        const Port *port = &state->ports->item[i];
        if (!port->published || !text_equal(port->endpoint, endpoint))
            continue;
        text_append_format(out, "%s element ip %s %s { ", act, firewall->table,
            is_any(&port->binding) ? "published" : "published_address");
        format_key(&port->binding, out);
        if (text_equal(act, "add"))
            format_value(port, out);
        text_append(out, " }\n");
        n++;
    }
    return n;
}

int firewall_add(Firewall *firewall, const FirewallState *state, const char *endpoint, Error *err) {
    autodone(Text) commands = {};
    if (format_elements(firewall, state, endpoint, "add", &commands) == 0)
        return 0;
    return run(firewall, commands.data, err) < 0 ? firewall_apply(firewall, state, err) : 0;
}

int firewall_remove(
    Firewall *firewall, const FirewallState *state, const char *endpoint, Error *err) {
    autodone(Text) commands = {};
    if (format_elements(firewall, state, endpoint, "delete", &commands) == 0 ||
        run(firewall, commands.data, err) == 0)
        return 0;
    /* The state still holds the ports that shall go. */
    PortTable others = {};
    for (size_t i = 0; i < state->ports->n; i++) {
        if (!text_equal(state->ports->item[i].endpoint, endpoint))
            array_append(others.item, others.n, state->ports->item[i]);
    }
    FirewallState rest = *state;
    rest.ports = &others;
    int r = firewall_apply(firewall, &rest, err);
    free(others.item);
    return r;
}

int firewall_tear_down(Firewall *firewall, Error *err) {
    autofree char *commands =
        text_format("add table ip %s\ndelete table ip %s\n", firewall->table, firewall->table);
    return run(firewall, commands, err);
}
