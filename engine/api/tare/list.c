// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "engine/api/docker/ports.h"
#include "engine/api/tare/containers.h"
#include "engine/api/tare/filter.h"
#include "engine/api/tare/pairs.h"
#include "engine/api/tare/services.h"
#include "engine/container/mount/mount.h"
#include "engine/container/spec/spec.h"

/* tare.v1.Containers.List: answered from records in memory; no shim is asked. */
typedef struct Known {
    const char *name, *id; /* what an image name means now; in the call's arena */
} Known;

typedef struct Listing {
    RpcCall *call;
    Images *images;
    Known *known;
    size_t known_n;
} Listing;

static const char *image_id_now(Listing *listing, const char *name) {
    for (size_t i = 0; i < listing->known_n; i++) {
        if (text_equal(listing->known[i].name, name))
            return listing->known[i].id;
    }
    autoptr(Image) image = NULL;
    Error ignored = {};
    Known known = {.name = rpc_call_copy(listing->call, name)};
    if (image_load(listing->images, name, &image, &ignored) == 0)
        known.id = rpc_call_copy(listing->call, image->id);
    array_append(listing->known, listing->known_n, known);
    return known.id;
}

/* The name as used, or the short id when that name means another image by now. */
static char *image_shown(Listing *listing, const ContainerRecord *record) {
    const char *name = record->settings->image, *id = record->image->id;
    if (text_equal(image_id_now(listing, name), id))
        return rpc_call_copy(listing->call, name);
    autofree char *brief = text_copy_n(text_starts(id, "sha256:") ? id + 7 : id, 12);
    return rpc_call_copy(listing->call, brief);
}

/* Docker's rough durations (go-units HumanDuration). */
static char *duration_text(int64_t duration) {
    int64_t seconds = duration / TIME_SECOND, minutes = seconds / 60;
    int64_t hours = (seconds + 1800) / 3600;
    if (seconds < 1)
        return text_copy("Less than a second");
    if (seconds == 1)
        return text_copy("1 second");
    if (seconds < 60)
        return text_format("%lld seconds", (long long)seconds);
    if (minutes == 1)
        return text_copy("About a minute");
    if (minutes < 60)
        return text_format("%lld minutes", (long long)minutes);
    if (hours == 1)
        return text_copy("About an hour");
    if (hours < 48)
        return text_format("%lld hours", (long long)hours);
    if (hours < 24 * 7 * 2)
        return text_format("%lld days", (long long)hours / 24);
    if (hours < 24 * 30 * 2)
        return text_format("%lld weeks", (long long)hours / 24 / 7);
    if (hours < 24 * 365 * 2)
        return text_format("%lld months", (long long)hours / 24 / 30);
    return text_format("%lld years", (long long)hours / 24 / 365);
}

static const char *health_shown(const ContainerHealth *health) {
    if (!health)
        return "";
    if (text_equal(health->status, "starting"))
        return " (health: starting)";
    return text_equal(health->status, "healthy") ? " (healthy)" : " (unhealthy)";
}

static char *status_shown(RpcCall *call, const ContainerState *state) {
    int64_t now = time_now();
    autofree char *ago = duration_text(now - state->finished.value);
    autofree char *up = duration_text(now - state->started.value);
    autofree char *text = NULL;
    switch (state->status) {
    case CONTAINER_CREATED:
        return "Created";
    case CONTAINER_RUNNING:
        text = state->restarting.value
                   ? text_format("Restarting (%d) %s ago", (int)state->exit_code.value, ago)
                   : text_format("Up %s%s", up, health_shown(state->health));
        break;
    case CONTAINER_EXITED:
        text = text_format("Exited (%d) %s ago", (int)state->exit_code.value, ago);
        break;
    case CONTAINER_REMOVING:
        return "Removal In Progress";
    }
    return rpc_call_copy(call, text);
}

static Tare__V1__PortMapping *port_new(RpcCall *call, const char *protocol, uint32_t port) {
    Tare__V1__PortMapping *mapping = rpc_call_alloc(call, sizeof *mapping);
    tare__v1__port_mapping__init(mapping);
    mapping->protocol = rpc_call_copy(call, protocol);
    mapping->container_port = port;
    return mapping;
}

static bool is_published(const ContainerRecord *record, const char *exposed) {
    const JsonObjects *ports = &record->state->endpoint->ports;
    for (size_t i = 0; i < ports->n; i++) {
        const ContainerPort *port = (const ContainerPort *)ports->item + i;
        autofree char *text =
            text_format("%u/%s", (unsigned)port->container_port.value, port->protocol);
        if (text_equal(text, exposed))
            return true;
    }
    return false;
}

/* Only of containers that have an address: as Docker, nothing for those that do not run. */
static void add_ports(
    RpcCall *call, const ContainerRecord *record, Tare__V1__ContainerSummary *summary) {
    const ContainerEndpoint *endpoint = record->state->endpoint;
    const JsonObjectMap *exposed = &record->image->config->exposed_ports;
    if (!endpoint || text_is_empty(endpoint->ip))
        return;
    summary->ports =
        rpc_call_alloc(call, (endpoint->ports.n + exposed->n + 1) * sizeof *summary->ports);
    for (size_t i = 0; i < endpoint->ports.n; i++) {
        const ContainerPort *port = (const ContainerPort *)endpoint->ports.item + i;
        Tare__V1__PortMapping *mapping =
            port_new(call, port->protocol, (uint32_t)port->container_port.value);
        mapping->host_ip = rpc_call_copy(call, port->host_ip);
        mapping->host_port = (uint32_t)port->host_port.value;
        summary->ports[summary->n_ports++] = mapping;
    }
    for (size_t i = 0; i < exposed->n; i++) {
        const char *slash = strchr(exposed->key[i], '/');
        if (!is_published(record, exposed->key[i]))
            summary->ports[summary->n_ports++] = port_new(
                call, slash ? slash + 1 : "tcp", (uint32_t)strtoul(exposed->key[i], NULL, 10));
    }
}

static void add_labels(
    RpcCall *call, const ContainerRecord *record, Tare__V1__ContainerSummary *summary) {
    JsonMap labels = {};
    docker_labels(record, &labels);
    summary->labels = pairs_copy(call, &labels, &summary->n_labels);
    json_map_done(&labels);
}

static void add_command(
    RpcCall *call, const ContainerRecord *record, Tare__V1__ContainerSummary *summary) {
    JsonTexts command = {};
    Error ignored = {};
    spec_command(record, &command, &ignored);
    summary->command = rpc_call_copy_all(call, command.item, command.n);
    summary->n_command = command.n;
    json_texts_done(&command);
}

static void add_mounts(
    RpcCall *call, const ContainerRecord *record, Tare__V1__ContainerSummary *summary) {
    const JsonObjects *mounts = &record->settings->mounts;
    summary->mounts = rpc_call_alloc(call, (mounts->n + 1) * sizeof(char *));
    for (size_t i = 0; i < mounts->n; i++) {
        const ContainerMount *mount = (const ContainerMount *)mounts->item + i;
        const char *name = mount_name(mount);
        if (!text_is_empty(name)) /* a tmpfs has none */
            summary->mounts[summary->n_mounts++] = rpc_call_copy(call, name);
    }
}

static void add_networks(
    RpcCall *call, const ContainerRecord *record, Tare__V1__ContainerSummary *summary) {
    const char *network = record->settings->network;
    summary->networks = rpc_call_alloc(call, sizeof(char *));
    summary->networks[summary->n_networks++] =
        rpc_call_copy(call, text_is_empty(network) ? "bridge" : network);
}

/* A container that goes meanwhile has no size. */
ContainerSizes api_container_sizes(const TareServices *services, const ContainerRecord *record) {
    SnapshotUsage own = {}, layers = {};
    Error gone;
    snapshot_usage(services->snapshots, record->id, &own, &gone);
    if (record->image->chain_id)
        snapshot_chain_usage(services->snapshots, record->image->chain_id, &layers, &gone);
    return (ContainerSizes){own.bytes, own.bytes + layers.bytes};
}

static Tare__V1__ContainerSummary *summarize(Listing *listing, const ContainerRecord *record) {
    RpcCall *call = listing->call;
    const ContainerState *state = record->state;
    Tare__V1__ContainerSummary *summary = rpc_call_alloc(call, sizeof *summary);
    tare__v1__container_summary__init(summary);
    summary->id = rpc_call_copy(call, record->id);
    summary->name = rpc_call_copy(call, record->name);
    summary->image = image_shown(listing, record);
    summary->image_id = rpc_call_copy(call, record->image->id);
    summary->created = record->created.value;
    if (record->settings->platform)
        summary->platform = rpc_call_copy(call, record->settings->platform);
    summary->state = rpc_call_copy(call, container_state_name(state));
    summary->status = status_shown(call, state);
    summary->exit_code = (int32_t)state->exit_code.value;
    summary->started = state->started.value;
    summary->finished = state->finished.value;
    add_command(call, record, summary);
    add_labels(call, record, summary);
    add_ports(call, record, summary);
    add_mounts(call, record, summary);
    add_networks(call, record, summary);
    return summary;
}

int api_containers_list(RpcCall *call, const Tare__V1__ListContainersRequest *request,
    Tare__V1__ListContainersResponse *response, Error *err) {
    const TareServices *services = rpc_call_user(call);
    autodone(ContainerRecords) records = {};
    Listing listing = {.call = call, .images = services->images};
    size_t limit = request->limit > 0 ? (size_t)request->limit : SIZE_MAX;
    const ContainerFilterContext context = {services->images, services->containers};
    const PairFilter filter = filter_of_containers(&context, request->filters, request->n_filters);
    TRY(pair_filter_check(&filter, err));
    bool all = request->all || request->limit > 0 || filter_asks_for_state(&filter);
    container_list(services->containers, &records);
    response->containers = rpc_call_alloc(call, (records.n + 1) * sizeof *response->containers);
    for (size_t i = 0; i < records.n && response->n_containers < limit; i++) {
        const ContainerRecord *record = records.item[i];
        if (!all && record->state->status != CONTAINER_RUNNING)
            continue;
        if (!pair_filter_matches(&filter, record))
            continue;
        Tare__V1__ContainerSummary *summary = summarize(&listing, record);
        if (request->size) {
            ContainerSizes sizes = api_container_sizes(services, record);
            summary->size_rw = (int64_t)sizes.own;
            summary->size_root_fs = (int64_t)sizes.all;
        }
        response->containers[response->n_containers++] = summary;
    }
    free(listing.known);
    return 0;
}
