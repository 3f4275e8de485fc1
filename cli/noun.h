// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "cli/client.h"
#include "cli/command/command.h"

/* The low-level nouns (content, snapshot, lease, namespace, task, event) are containerd's services:
 * what ctr does, in the engine's own namespace unless told otherwise. */
typedef struct NounOptions {
    const char *space;
    bool quiet, sync, keep, all, force, detach;
    OptionTexts filters, labels;
    const char *snapshotter, *media_type, *reference, *exec_id, *log_uri;
    const char *text, *digest; /* what the command wants besides */
} NounOptions;

#define NOUN_SPACE                                                                                 \
    {                                                                                              \
        'n', "namespace", OPTION_TEXT, offsetof(NounOptions, space), "string",                     \
            "Namespace (default \"tare\", the engine's own)"                                       \
    }
#define NOUN_QUIET                                                                                 \
    { 'q', "quiet", OPTION_FLAG, offsetof(NounOptions, quiet), NULL, "Only show names" }
#define NOUN_FILTER                                                                                \
    {                                                                                              \
        'f', "filter", OPTION_TEXTS, offsetof(NounOptions, filters), "filter",                     \
            "containerd's filter, e.g. labels.\"key\"==value"                                      \
    }

#define NOUN_SNAPSHOTTER                                                                           \
    {                                                                                              \
        0, "snapshotter", OPTION_TEXT, offsetof(NounOptions, snapshotter), "string",               \
            "Snapshotter: overlayfs, native, btrfs or erofs (default \"overlayfs\")"               \
    }

/* Connected, for calls in the namespace. */
int noun_client(Cli *cli, const NounOptions *options, Client **ret, Error *err);

char *noun_snapshotter(const NounOptions *options);

/* cli_each in the namespace; the act's data are the options. */
int noun_each(Cli *cli, const NounOptions *options, int argc, char **argv, CliAct act);

/* "k=v,k=v", "-" for none, of map entries as protobuf-c makes them. New string. */
char *noun_labels(void *entries, size_t n);

/* Entries of a request's map of texts; they live as long as this. */
typedef struct NounMap {
    void **entry;
    size_t n;
} NounMap;
typedef const ProtobufCMessageDescriptor NounEntry; /* of the map's field */
void noun_map_add(NounMap *map, NounEntry *type, const char *key, const char *value);
void noun_map_read(NounMap *map, NounEntry *type, const char *const *pairs, size_t n); /* K[=V] */
char **noun_map_paths(const NounMap *map); /* "labels.KEY" of each, for a mask; texts_free */
void noun_map_done(NounMap *map);
CLEANUP_DEFINE_DONE(NounMap, noun_map_done)

/* Writes the blob to standard output. */
int noun_content_print(Client *client, const char *digest, Error *err);

#define NOUN_LEASE_LIFETIME (24 * 3600 * TIME_SECOND)

/* Entries of a lease's labels. */
#define NOUN_LEASE_ENTRY &containerd__leases__create_request__labels_entry__descriptor

/* What the client's calls make is held until noun_lease_end, and for a day at most. */
enum {
    NOUN_LEASE_SIZE = 32
};
int noun_lease_create(Client *client, const char *id, NounMap *labels, int64_t lifetime,
    Error *err); /* 0: for ever */
int noun_lease_begin(Client *client, char ret_id[NOUN_LEASE_SIZE], Error *err);
void noun_lease_end(Client *client, const char *id);
