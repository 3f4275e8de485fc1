// SPDX-License-Identifier: Apache-2.0
#include "engine/api/tare/filter.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/api/docker/ports.h"
#include "engine/container/mount.h"

typedef ContainerFilters Filters;

static bool match_status(const Filters *filters, const ContainerRecord *record, const char *value) {
    (void)filters;
    return text_equal(container_state_name(record->state), value);
}

/* An expression that matches anywhere; users write the name with Docker's slash or without. */
static bool match_name(const Filters *filters, const ContainerRecord *record, const char *value) {
    (void)filters;
    regex_t expression;
    autofree char *with_slash = text_format("/%s", record->name);
    if (text_equal(record->name, value) || text_equal(with_slash, value))
        return true;
    if (regcomp(&expression, value, REG_EXTENDED | REG_NOSUB) != 0)
        return false;
    bool matches = regexec(&expression, record->name, 0, NULL, 0) == 0 ||
                   regexec(&expression, with_slash, 0, NULL, 0) == 0;
    regfree(&expression);
    return matches;
}

static bool match_id(const Filters *filters, const ContainerRecord *record, const char *value) {
    (void)filters;
    return text_starts(record->id, value);
}

static bool match_label(const Filters *filters, const ContainerRecord *record, const char *value) {
    (void)filters;
    const char *equals = strchr(value, '=');
    autofree char *key = text_copy_n(value, equals ? (size_t)(equals - value) : strlen(value));
    JsonMap labels = {};
    docker_labels(record, &labels);
    const char *found = json_map_find(&labels, key);
    bool matches = found && (!equals || text_equal(found, equals + 1));
    json_map_done(&labels);
    return matches;
}

static bool match_ancestor(
    const Filters *filters, const ContainerRecord *record, const char *value) {
    autoptr(Image) image = NULL;
    Error ignored = {};
    if (text_equal(record->settings->image, value) || text_equal(record->image->id, value))
        return true;
    return image_load(filters->images, value, &image, &ignored) == 0 &&
           text_equal(image->id, record->image->id);
}

static bool match_exited(const Filters *filters, const ContainerRecord *record, const char *value) {
    (void)filters;
    return record->state->status == CONTAINER_EXITED &&
           record->state->exit_code.value == strtoll(value, NULL, 10);
}

static bool match_health(const Filters *filters, const ContainerRecord *record, const char *value) {
    (void)filters;
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

static bool match_expose(const Filters *filters, const ContainerRecord *record, const char *value) {
    (void)filters;
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

static bool match_publish(
    const Filters *filters, const ContainerRecord *record, const char *value) {
    (void)filters;
    const ContainerEndpoint *endpoint = record->state->endpoint;
    for (size_t i = 0; endpoint && i < endpoint->ports.n; i++) {
        const ContainerPort *port = (const ContainerPort *)endpoint->ports.item + i;
        if (covers(value, port->host_port.value, port->protocol))
            return true;
    }
    return false;
}

static bool match_network(
    const Filters *filters, const ContainerRecord *record, const char *value) {
    (void)filters;
    const char *network = record->settings->network;
    const ContainerEndpoint *endpoint = record->state->endpoint;
    return text_equal(text_is_empty(network) ? "bridge" : network, value) ||
           (endpoint && *value && endpoint->network && text_starts(endpoint->network, value));
}

static bool match_volume(const Filters *filters, const ContainerRecord *record, const char *value) {
    (void)filters;
    const JsonObjects *mounts = &record->settings->mounts;
    for (size_t i = 0; i < mounts->n; i++) {
        const ContainerMount *mount = (const ContainerMount *)mounts->item + i;
        if (text_equal(mount_name(mount), value) || text_equal(mount->target, value))
            return true;
    }
    return false;
}

/* 0 for a container that has gone since the filter was checked. */
static int64_t created_of(const Filters *filters, const char *reference) {
    autoptr(ContainerRecord) record = NULL;
    Error ignored = {};
    return container_find(filters->containers, reference, &record, &ignored) == 0
               ? record->created.value
               : 0;
}

static bool match_before(const Filters *filters, const ContainerRecord *record, const char *value) {
    return record->created.value < created_of(filters, value);
}

static bool match_since(const Filters *filters, const ContainerRecord *record, const char *value) {
    return record->created.value > created_of(filters, value);
}

/* Nothing here is a task of a swarm. */
static bool match_is_task(
    const Filters *filters, const ContainerRecord *record, const char *value) {
    (void)filters;
    (void)record;
    return text_equal(value, "false") || text_equal(value, "0");
}

static int check_container(const Filters *filters, const char *value, Error *err) {
    autoptr(ContainerRecord) record = NULL;
    return container_find(filters->containers, value, &record, err);
}

static bool is_one_of(const char *value, const char *const *words) {
    for (; *words; words++)
        if (text_equal(value, *words))
            return true;
    return false;
}

static int check_status(const Filters *filters, const char *value, Error *err) {
    static const char *const words[] = {
        "created", "dead", "exited", "paused", "removing", "restarting", "running", NULL};
    (void)filters;
    return is_one_of(value, words)
               ? 0
               : error_set(err, ERROR_INVALID, "invalid filter 'status=%s'", value);
}

static int check_health(const Filters *filters, const char *value, Error *err) {
    static const char *const words[] = {"healthy", "none", "starting", "unhealthy", NULL};
    (void)filters;
    return is_one_of(value, words)
               ? 0
               : error_set(err, ERROR_INVALID, "invalid filter 'health=%s'", value);
}

static int check_exited(const Filters *filters, const char *value, Error *err) {
    int64_t ignored = 0;
    (void)filters;
    return text_parse_int(value, "exited", &ignored, err) < 0
               ? error_set(err, ERROR_INVALID, "invalid filter 'exited=%s'", value)
               : 0;
}

static const struct {
    const char *key;
    bool (*match)(const Filters *filters, const ContainerRecord *record, const char *value);
    int (*check)(const Filters *filters, const char *value, Error *err); /* NULL: any value */
    bool any_state, all_must_hold;
} rows[] = {
    {"ancestor", match_ancestor, NULL, false, false},
    {"before", match_before, check_container, false, false},
    {"exited", match_exited, check_exited, true, false},
    {"expose", match_expose, NULL, false, false},
    {"health", match_health, check_health, false, false},
    {"id", match_id, NULL, false, false},
    {"is-task", match_is_task, NULL, false, false},
    {"label", match_label, NULL, false, true},
    {"name", match_name, NULL, false, false},
    {"network", match_network, NULL, false, false},
    {"publish", match_publish, NULL, false, false},
    {"since", match_since, check_container, false, false},
    {"status", match_status, check_status, true, false},
    {"volume", match_volume, NULL, false, false},
};

/* The value, if the filter is of row i. */
static const char *value_of(const char *filter, size_t i) {
    size_t n = strlen(rows[i].key);
    return strncmp(filter, rows[i].key, n) == 0 && filter[n] == '=' ? filter + n + 1 : NULL;
}

int filters_check(const ContainerFilters *filters, bool *ret_status, Error *err) {
    for (size_t f = 0; f < filters->n; f++) {
        bool known = false;
        for (size_t i = 0; i < array_size(rows); i++) {
            const char *value = value_of(filters->item[f], i);
            if (!value)
                continue;
            known = true;
            *ret_status |= rows[i].any_state;
            if (rows[i].check)
                TRY(rows[i].check(filters, value, err));
        }
        if (!known)
            return error_set(err, ERROR_INVALID, "invalid filter '%s'", filters->item[f]);
    }
    return 0;
}

bool filters_match(const ContainerFilters *filters, const ContainerRecord *record) {
    for (size_t i = 0; i < array_size(rows); i++) {
        size_t asked = 0, held = 0;
        for (size_t f = 0; f < filters->n; f++) {
            const char *value = value_of(filters->item[f], i);
            asked += value != NULL;
            held += value && rows[i].match(filters, record, value);
        }
        if (rows[i].all_must_hold ? held < asked : asked > 0 && held == 0)
            return false;
    }
    return true;
}
