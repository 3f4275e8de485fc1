// SPDX-License-Identifier: Apache-2.0
#include "engine/api/docker/ports.h"

#include <string.h>

#include "base/text.h"
#include "oci/image.h"

static char *key_of(const ContainerPort *port) {
    return text_format("%u/%s", (unsigned)port->container_port.value, port->protocol);
}

static void append_text(Text *out, const char *text) {
    json_append_string(out, text, strlen(text));
}

static void append_binding(Text *out, const ContainerPort *port, bool keep_zero) {
    autofree char *number = text_format("%u", (unsigned)port->host_port.value);
    text_append(out, "{\"HostIp\":");
    append_text(out, port->host_ip ? port->host_ip : "");
    text_append(out, ",\"HostPort\":");
    append_text(out, port->host_port.value || keep_zero ? number : "");
    text_append_char(out, '}');
}

/* All bindings of one container port go under its first appearance. */
static void append_map(Text *out, const JsonObjects *ports, bool keep_zero) {
    const ContainerPort *item = ports->item;
    for (size_t i = 0; i < ports->n; i++) {
        autofree char *key = key_of(&item[i]);
        bool seen = false;
        for (size_t j = 0; j < i && !seen; j++) {
            autofree char *earlier = key_of(&item[j]);
            seen = text_equal(key, earlier);
        }
        if (seen)
            continue;
        if (out->length > 1)
            text_append_char(out, ',');
        append_text(out, key);
        text_append(out, ":[");
        for (size_t j = i; j < ports->n; j++) {
            autofree char *other = key_of(&item[j]);
            if (!text_equal(key, other))
                continue;
            if (j > i)
                text_append_char(out, ',');
            append_binding(out, &item[j], keep_zero);
        }
        text_append_char(out, ']');
    }
}

char *docker_ports_requested(const ContainerSettings *settings) {
    Text out = {};
    text_append_char(&out, '{');
    append_map(&out, &settings->ports, false);
    text_append_char(&out, '}');
    return text_take(&out);
}

static bool holds(const JsonObjects *ports, const char *wanted) {
    for (size_t i = 0; i < ports->n; i++) {
        autofree char *key = key_of((const ContainerPort *)ports->item + i);
        if (text_equal(key, wanted))
            return true;
    }
    return false;
}

/* Empty unless the container is connected to a network with addresses. */
char *docker_ports_bound(const ContainerRecord *record) {
    const ContainerEndpoint *endpoint = record->state->endpoint;
    const JsonObjectMap *exposed = &record->image->config->exposed_ports;
    Text out = {};
    text_append_char(&out, '{');
    if (endpoint && !text_is_empty(endpoint->ip)) {
        append_map(&out, &endpoint->ports, true);
        for (size_t i = 0; i < exposed->n; i++) {
            if (holds(&endpoint->ports, exposed->key[i]))
                continue;
            if (out.length > 1)
                text_append_char(&out, ',');
            append_text(&out, exposed->key[i]);
            text_append(&out, ":null");
        }
    }
    text_append_char(&out, '}');
    return text_take(&out);
}

void docker_ports_exposed(const ContainerRecord *record, JsonObjectMap *ret) {
    const JsonObjectMap *exposed = &record->image->config->exposed_ports;
    const JsonObjects *ports = &record->settings->ports;
    for (size_t i = 0; i < exposed->n; i++)
        json_object_map_add(ret, exposed->key[i], &oci_empty_type);
    for (size_t i = 0; i < ports->n; i++) {
        autofree char *key = key_of((const ContainerPort *)ports->item + i);
        bool known = false;
        for (size_t j = 0; j < ret->n; j++)
            known |= text_equal(ret->key[j], key);
        if (!known)
            json_object_map_add(ret, key, &oci_empty_type);
    }
}

void docker_labels(const ContainerRecord *record, JsonMap *ret) {
    const JsonMap *image = &record->image->config->labels;
    const JsonTexts *user = &record->settings->labels;
    for (size_t i = 0; i < image->n; i++)
        json_map_set(ret, image->key[i], image->value[i]);
    for (size_t i = 0; i < user->n; i++) {
        const char *equals = strchr(user->item[i], '=');
        size_t n = equals ? (size_t)(equals - user->item[i]) : strlen(user->item[i]);
        autofree char *key = text_copy_n(user->item[i], n);
        json_map_set(ret, key, equals ? equals + 1 : "");
    }
}
