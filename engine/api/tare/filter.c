// SPDX-License-Identifier: Apache-2.0
#include "engine/api/tare/filter.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/api/docker/ports.h"
#include "engine/container/mount/mount.h"

static bool match_status(const void *context, const void *object, const char *value) {
    const ContainerRecord *record = object;
    return text_equal(container_state_name(record->state), value);
}

/* Users write the name with Docker's slash or without. */
static bool match_name(const void *context, const void *object, const char *value) {
    const ContainerRecord *record = object;
    autofree char *with_slash = text_format("/%s", record->name);
    return pair_match_name(record->name, value) || pair_match_name(with_slash, value);
}

static bool match_id(const void *context, const void *object, const char *value) {
    const ContainerRecord *record = object;
    return text_starts(record->id, value);
}

static bool match_label(const void *context, const void *object, const char *value) {
    JsonMap labels = {};
    docker_labels(object, &labels);
    bool matches = pair_match_label(&labels, value);
    json_map_done(&labels);
    return matches;
}

static bool match_ancestor(const void *context, const void *object, const char *value) {
    const ContainerFilterContext *filters = context;
    const ContainerRecord *record = object;
    autoptr(Image) image = NULL;
    Error ignored = {};
    if (text_equal(record->settings->image, value) || text_equal(record->image->id, value))
        return true;
    return image_load(filters->images, value, &image, &ignored) == 0 &&
           text_equal(image->id, record->image->id);
}

static bool match_exited(const void *context, const void *object, const char *value) {
    const ContainerRecord *record = object;
    return record->state->status == CONTAINER_EXITED &&
           record->state->exit_code.value == strtoll(value, NULL, 10);
}

static bool match_health(const void *context, const void *object, const char *value) {
    const ContainerRecord *record = object;
    const ContainerHealth *health = record->state->health;
    return text_equal(health ? health->status : "none", value);
}

/* "80", "80/udp", "80-90/tcp"; without a protocol it is tcp. */
static bool covers(const char *value, uint64_t port, const char *protocol) {
    autofree char *text = text_copy(value);
    char *slash = strchr(text, '/'), *dash = strchr(text, '-');
    const char *wanted = slash ? slash + 1 : "tcp";
    uint64_t first = strtoull(text, NULL, 10);
    uint64_t last = dash ? strtoull(dash + 1, NULL, 10) : first;
    return port >= first && port <= last && text_equal(protocol ? protocol : "tcp", wanted);
}

static bool match_expose(const void *context, const void *object, const char *value) {
    const ContainerRecord *record = object;
    JsonObjectMap exposed = {};
    bool matches = false;
    docker_ports_exposed(record, &exposed);
    for (size_t i = 0; i < exposed.n; i++) {
        const char *slash = strchr(exposed.key[i], '/');
        matches |= covers(value, strtoull(exposed.key[i], NULL, 10), slash ? slash + 1 : "tcp");
        free(exposed.key[i]);
    }
    free(exposed.key);
    free(exposed.value);
    return matches;
}

static bool match_publish(const void *context, const void *object, const char *value) {
    const ContainerRecord *record = object;
    const ContainerEndpoint *endpoint = record->state->endpoint;
    for (size_t i = 0; endpoint && i < endpoint->ports.n; i++) {
        const ContainerPort *port = (const ContainerPort *)endpoint->ports.item + i;
        if (covers(value, port->host_port.value, port->protocol))
            return true;
    }
    return false;
}

static bool match_network(const void *context, const void *object, const char *value) {
    const ContainerRecord *record = object;
    const char *network = record->settings->network;
    const ContainerEndpoint *endpoint = record->state->endpoint;
    return text_equal(text_is_empty(network) ? "bridge" : network, value) ||
           (endpoint && *value && endpoint->network && text_starts(endpoint->network, value));
}

static bool match_volume(const void *context, const void *object, const char *value) {
    const ContainerRecord *record = object;
    const JsonObjects *mounts = &record->settings->mounts;
    for (size_t i = 0; i < mounts->n; i++) {
        const ContainerMount *mount = (const ContainerMount *)mounts->item + i;
        if (text_equal(mount_name(mount), value) || text_equal(mount->target, value))
            return true;
    }
    return false;
}

/* 0 for a container that has gone since the filter was checked. */
static int64_t created_of(const void *context, const char *reference) {
    const ContainerFilterContext *filters = context;
    autoptr(ContainerRecord) record = NULL;
    Error ignored = {};
    return container_find(filters->containers, reference, &record, &ignored) == 0
               ? record->created.value
               : 0;
}

static bool match_before(const void *context, const void *object, const char *value) {
    const ContainerRecord *record = object;
    return record->created.value < created_of(context, value);
}

static bool match_since(const void *context, const void *object, const char *value) {
    const ContainerRecord *record = object;
    return record->created.value > created_of(context, value);
}

/* Nothing here is a task of a swarm. */
static bool match_is_task(const void *context, const void *object, const char *value) {
    return text_equal(value, "false") || text_equal(value, "0");
}

static int check_container(const void *context, const char *value, Error *err) {
    const ContainerFilterContext *filters = context;
    autoptr(ContainerRecord) record = NULL;
    return container_find(filters->containers, value, &record, err);
}

static bool is_one_of(const char *value, const char *const *words) {
    for (; *words; words++)
        if (text_equal(value, *words))
            return true;
    return false;
}

static bool is_status(const char *value) {
    static const char *const words[] = {
        "created", "dead", "exited", "paused", "removing", "restarting", "running", NULL};
    return is_one_of(value, words);
}

static bool is_health(const char *value) {
    static const char *const words[] = {"healthy", "none", "starting", "unhealthy", NULL};
    return is_one_of(value, words);
}

static bool is_number(const char *value) {
    int64_t ignored = 0;
    Error unsaid;
    return text_parse_int(value, "exited", &ignored, &unsaid) == 0;
}

static const PairRow rows[] = {
    {"ancestor=", match_ancestor},
    {"before=", match_before, .check = check_container},
    {"exited=", match_exited, .is_valid = is_number},
    {"expose=", match_expose},
    {"health=", match_health, .is_valid = is_health},
    {"id=", match_id},
    {"is-task=", match_is_task},
    {"label=", match_label, .all_must_hold = true},
    {"name=", match_name},
    {"network=", match_network},
    {"publish=", match_publish},
    {"since=", match_since, .check = check_container},
    {"status=", match_status, .is_valid = is_status},
    {"volume=", match_volume},
};

PairFilter filter_of_containers(
    const ContainerFilterContext *context, char *const *texts, size_t n) {
    return (PairFilter){rows, array_size(rows), context, texts, n};
}

bool filter_asks_for_state(const PairFilter *filter) {
    return pair_filter_asks(filter, "exited=") || pair_filter_asks(filter, "status=");
}
