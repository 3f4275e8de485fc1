// SPDX-License-Identifier: Apache-2.0
/* Drives engine/network for test_network.py without an engine. Reads one command a line, answers
 * with one line each: "ok …" or "error CODE message".
 *
 *     attach CONTAINER NAME NETWORK [HOST_IP:HOST_PORT:PORT/PROTOCOL]…   ok ENDPOINT
 *     detach ENDPOINT, adopt ENDPOINT, start, subnet, tear-down, quit
 *     files DIRECTORY HOSTNAME ENDPOINT
 *     bench TIMES THREADS NETWORK PORTS          ok, milliseconds of attach and detach
 *
 * ENDPOINT is id,container,network,sandbox,ip,gateway,prefix,mac,interface[,port]… ("-": empty). */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/option.h"
#include "base/text.h"
#include "base/time.h"
#include "engine/network/network.h"

typedef struct Options {
    const char *state, *bridge, *subnet, *host_ip;
    bool no_icc, no_masquerade;
    OptionInt mtu;
    OptionTexts dns;
} Options;

#define AT(member) offsetof(Options, member)
static const Option options_table[] = {
    {0, "state", OPTION_TEXT, AT(state), "dir", "state directory"},
    {0, "bridge", OPTION_TEXT, AT(bridge), "name", "bridge"},
    {0, "subnet", OPTION_TEXT, AT(subnet), "cidr", "gateway and prefix"},
    {0, "host-ip", OPTION_TEXT, AT(host_ip), "ip", "default host address of ports"},
    {0, "no-icc", OPTION_FLAG, AT(no_icc), NULL, "isolate containers"},
    {0, "no-masquerade", OPTION_FLAG, AT(no_masquerade), NULL, "no masquerading"},
    {0, "mtu", OPTION_INT, AT(mtu), "bytes", "mtu"},
    {0, "dns", OPTION_TEXTS, AT(dns), "ip", "name server"},
    {},
};

static const char *dash(const char *text) {
    return text_is_empty(text) ? "-" : text;
}

static void print_endpoint(const Endpoint *endpoint) {
    printf("ok %s,%s,%s,%s,%s,%s,%u,%s,%s", endpoint->id, endpoint->container, endpoint->network,
        dash(endpoint->sandbox), dash(endpoint->ip), dash(endpoint->gateway), endpoint->prefix,
        dash(endpoint->mac), dash(endpoint->interface));
    for (size_t i = 0; i < endpoint->ports_n; i++)
        printf(",%s:%u:%u/%s", endpoint->ports[i].host_ip, endpoint->ports[i].host_port,
            endpoint->ports[i].container_port, port_protocol_name(endpoint->ports[i].protocol));
    printf("\n");
}

static void parse_port(const char *text, PortBinding *ret) {
    unsigned host = 0, container = 0;
    char protocol[8] = "";
    Error err;
    *ret = (PortBinding){};
    if (text[0] == ':')
        sscanf(text, ":%u:%u/%7s", &host, &container, protocol);
    else
        sscanf(text, "%45[^:]:%u:%u/%7s", ret->host_ip, &host, &container, protocol);
    ret->host_port = (uint16_t)host;
    ret->container_port = (uint16_t)container;
    if (port_protocol_parse(protocol, &ret->protocol, &err) < 0)
        abort();
}

static void copy_field(char *ret, size_t size, const char *text) {
    snprintf(ret, size, "%s", text_equal(text, "-") ? "" : text);
}
#define COPY(member, text) copy_field(member, sizeof(member), text)

static void parse_endpoint(const char *text, Endpoint *ret) {
    autotexts char **field = texts_split(text, ',');
    size_t n = texts_count(field);
    *ret = (Endpoint){};
    if (n < 9)
        return;
    COPY(ret->id, field[0]);
    COPY(ret->container, field[1]);
    COPY(ret->network, field[2]);
    ret->sandbox = text_equal(field[3], "-") ? NULL : text_copy(field[3]);
    COPY(ret->ip, field[4]);
    COPY(ret->gateway, field[5]);
    ret->prefix = (unsigned)strtoul(field[6], NULL, 10);
    COPY(ret->mac, field[7]);
    COPY(ret->interface, field[8]);
    for (size_t i = 9; i < n; i++) {
        PortBinding port;
        parse_port(field[i], &port);
        array_append(ret->ports, ret->ports_n, port);
    }
}

static int run_attach(Network *network, char **argv, Error *err) {
    PortBinding ports[64] = {};
    autodone(Endpoint) endpoint = {};
    size_t n = 0;
    for (char **spec = argv + 4; *spec && n < array_size(ports); spec++)
        parse_port(*spec, &ports[n++]);
    EndpointRequest request = {
        .container = argv[1], .name = argv[2], .network = argv[3], .ports = ports, .ports_n = n};
    TRY(network_attach(network, &request, &endpoint, err));
    print_endpoint(&endpoint);
    return 1;
}

typedef struct Bench {
    Network *network;
    const char *mode;
    unsigned times, ports, number;
    int64_t attach, detach;
    int result;
    Error error;
} Bench;

static int bench_once(Bench *bench, Error *err) {
    PortBinding ports[64] = {};
    autodone(Endpoint) endpoint = {};
    char container[65];
    snprintf(container, sizeof container, "bench%u", bench->number);
    for (unsigned i = 0; i < bench->ports; i++)
        ports[i] = (PortBinding){
            .container_port = (uint16_t)(i + 1), .protocol = i % 2 ? PORT_UDP : PORT_TCP};
    EndpointRequest request = {.container = container,
        .name = container,
        .network = bench->mode,
        .ports = ports,
        .ports_n = bench->ports};
    int64_t begin = time_monotonic();
    TRY(network_attach(bench->network, &request, &endpoint, err));
    int64_t middle = time_monotonic();
    TRY(network_detach(bench->network, &endpoint, err));
    bench->attach += middle - begin;
    bench->detach += time_monotonic() - middle;
    return 0;
}

static void *bench_main(void *context) {
    Bench *bench = context;
    for (unsigned i = 0; i < bench->times && bench->result == 0; i++)
        bench->result = bench_once(bench, &bench->error);
    return NULL;
}

static int run_bench(Network *network, char **argv, Error *err) {
    enum {
        THREADS_MAX = 64
    };
    pthread_t threads[THREADS_MAX];
    Bench bench[THREADS_MAX];
    unsigned times = (unsigned)atoi(argv[1]), n = (unsigned)atoi(argv[2]);
    int64_t begin = time_monotonic(), attach = 0, detach = 0;
    int result = 1;
    for (unsigned i = 0; i < n && i < THREADS_MAX; i++) {
        bench[i] = (Bench){.network = network,
            .mode = argv[3],
            .times = times,
            .ports = (unsigned)atoi(argv[4]),
            .number = i};
        pthread_create(&threads[i], NULL, bench_main, &bench[i]);
    }
    for (unsigned i = 0; i < n && i < THREADS_MAX; i++) {
        pthread_join(threads[i], NULL);
        attach += bench[i].attach;
        detach += bench[i].detach;
        if (bench[i].result < 0) {
            *err = bench[i].error;
            result = err->code;
        }
    }
    if (result < 0)
        return result;
    printf("ok attach %.3f detach %.3f per second %.0f\n", (double)attach / 1e6 / times / n,
        (double)detach / 1e6 / times / n, times * n * 1e9 / (double)(time_monotonic() - begin));
    return result;
}

/* 1: has answered. */
static int run(Network *network, char **argv, Error *err) {
    size_t argc = texts_count(argv);
    const char *verb = argc ? argv[0] : "";
    autodone(Endpoint) endpoint = {};
    if (argc >= 2)
        parse_endpoint(argv[argc - 1], &endpoint);
    if (text_equal(verb, "start"))
        return network_start(network, err);
    if (text_equal(verb, "tear-down"))
        return network_tear_down(network, err);
    if (text_equal(verb, "adopt") && argc == 2)
        return network_adopt(network, &endpoint, err);
    if (text_equal(verb, "detach") && argc == 2)
        return network_detach(network, &endpoint, err);
    if (text_equal(verb, "attach") && argc >= 4)
        return run_attach(network, argv, err);
    if (text_equal(verb, "bench") && argc == 5)
        return run_bench(network, argv, err);
    if (text_equal(verb, "subnet")) {
        char subnet[NETWORK_SUBNET_SIZE];
        network_subnet(network, subnet);
        printf("ok %s\n", dash(subnet));
        return 1;
    }
    if (text_equal(verb, "files") && argc == 4) {
        NetworkFiles files = {.directory = argv[1], .hostname = argv[2], .endpoint = &endpoint};
        return network_write_files(network, &files, err);
    }
    return error_set(err, ERROR_INVALID, "no such command: %s", verb);
}

int main(int argc, char **argv) {
    Options options = {};
    Error err;
    int first;
    const OptionParse parse = {options_table, OPTION_ANYWHERE, false};
    if (option_parse(&parse, argc, argv, &options, &first, &err) < 0 || !options.state) {
        fprintf(stderr, "networktool: --state: %s\n", err.message);
        return 2;
    }
    NetworkConfig config = {.state = options.state,
        .bridge = options.bridge,
        .subnet = options.subnet,
        .host_ip = options.host_ip,
        .mtu = (unsigned)options.mtu.value,
        .no_icc = options.no_icc,
        .no_masquerade = options.no_masquerade,
        .dns = options.dns.item};
    autoptr(Network) network = NULL;
    if (network_new(&config, &network, &err) < 0) {
        printf("error %d %s\n", err.code, err.message);
        return 1;
    }
    autofree char *line = NULL;
    size_t size = 0;
    setlinebuf(stdout);
    while (getline(&line, &size, stdin) > 0) {
        line[strcspn(line, "\n")] = '\0';
        autotexts char **words = texts_split(line, ' ');
        if (text_equal(line, "quit"))
            break;
        int r = run(network, words, &err);
        if (r < 0)
            printf("error %d %s\n", err.code, err.message);
        else if (r == 0)
            printf("ok\n");
    }
    option_texts_done(&options.dns);
    return 0;
}
