// SPDX-License-Identifier: Apache-2.0
#include "cli/noun.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "proto/containerd/services/content.pb-c.h"
#include "proto/containerd/services/leases.pb-c.h"

int noun_client(Cli *cli, const NounOptions *options, Client **ret, Error *err) {
    TRY(cli_client(cli, ret, err));
    client_set_namespace(*ret, options->space ? options->space : "tare");
    return 0;
}

char *noun_snapshotter(const NounOptions *options) {
    return (char *)(options->snapshotter ? options->snapshotter : "overlayfs");
}

int noun_each(Cli *cli, const NounOptions *options, int argc, char **argv, CliAct act) {
    NounOptions data = *options;
    Error err = {};
    Client *client = NULL;
    if (noun_client(cli, options, &client, &err) < 0)
        return cli_report(cli, &err);
    return cli_each(cli, argc, argv, act, &data);
}

typedef struct MapEntry {
    ProtobufCMessage base;
    char *key, *value;
} MapEntry;

char *noun_labels(void *entries, size_t n) {
    MapEntry **entry = entries;
    autodone(Text) text = {};
    for (size_t i = 0; i < n; i++)
        text_append_format(&text, "%s%s=%s", i ? "," : "", entry[i]->key, entry[i]->value);
    if (n == 0)
        text_append(&text, "-");
    return text_take(&text);
}

void noun_map_add(NounMap *map, NounEntry *type, const char *key, const char *value) {
    MapEntry *entry = memory_new(type->sizeof_message);
    protobuf_c_message_init(type, entry);
    entry->key = text_copy(key);
    entry->value = text_copy(value);
    array_append(map->entry, map->n, (void *)entry);
}

void noun_map_read(NounMap *map, NounEntry *type, const char *const *pairs, size_t n) {
    for (size_t i = 0; i < n; i++) {
        size_t length = strcspn(pairs[i], "=");
        autofree char *key = text_copy_n(pairs[i], length);
        noun_map_add(map, type, key, pairs[i][length] ? &pairs[i][length + 1] : "");
    }
}

char **noun_map_paths(const NounMap *map) {
    char **paths = new_array(char *, map->n + 1);
    for (size_t i = 0; i < map->n; i++)
        paths[i] = text_format("labels.%s", ((const MapEntry *)map->entry[i])->key);
    return paths;
}

void noun_map_done(NounMap *map) {
    for (size_t i = 0; i < map->n; i++) {
        MapEntry *entry = map->entry[i];
        free(entry->key);
        free(entry->value);
        free(entry);
    }
    free(map->entry);
    *map = (NounMap){};
}

int noun_content_print(Client *client, const char *digest, Error *err) {
    autoptr(ClientStream) stream =
        client_open(client, &containerd__content__content__descriptor, "Read");
    Containerd__Content__ReadContentRequest request;
    containerd__content__read_content_request__init(&request);
    request.digest = (char *)digest;
    TRY(client_send(stream, &request, err));
    TRY(client_send_end(stream, err));
    for (;;) {
        autoreply Containerd__Content__ReadContentResponse *reply = NULL;
        int more = client_receive(stream, &reply, err);
        if (more <= 0)
            return more;
        TRY(fd_write_all(STDOUT_FILENO, reply->data.data, reply->data.len, err));
    }
}

int noun_lease_create(
    Client *client, const char *id, NounMap *labels, int64_t lifetime, Error *err) {
    char expires[TIME_TEXT_SIZE];
    Containerd__Leases__CreateRequest request;
    containerd__leases__create_request__init(&request);
    if (lifetime > 0)
        noun_map_add(labels, NOUN_LEASE_ENTRY, "containerd.io/gc.expire",
            time_format(time_now() + lifetime, expires));
    request.id = (char *)id;
    request.labels = (void *)labels->entry;
    request.n_labels = labels->n;
    return client_call(
        client, &containerd__leases__leases__descriptor, "Create", &request, NULL, err);
}

int noun_lease_begin(Client *client, char ret_id[NOUN_LEASE_SIZE], Error *err) {
    char random[17];
    autodone(NounMap) labels = {};
    text_random_hex(random, 8);
    snprintf(ret_id, NOUN_LEASE_SIZE, "tare-%s", random);
    TRY(noun_lease_create(client, ret_id, &labels, NOUN_LEASE_LIFETIME, err));
    client_set_lease(client, ret_id);
    return 0;
}

void noun_lease_end(Client *client, const char *id) {
    Error gone;
    Containerd__Leases__DeleteRequest request;
    containerd__leases__delete_request__init(&request);
    request.id = (char *)id;
    client_set_lease(client, NULL);
    client_call(client, &containerd__leases__leases__descriptor, "Delete", &request, NULL, &gone);
}
