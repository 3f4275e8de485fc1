// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "cli/noun.h"
#include "proto/containerd/services/diff.pb-c.h"
#include "proto/containerd/services/snapshots.pb-c.h"

/* tare snapshot diff: what one snapshot has and another has not, as a layer. */
#define SNAPSHOTS &containerd__snapshots__snapshots__descriptor

/* A snapshot as mounts; those of a committed one are of a view that is made for this. */
typedef struct Side {
    char view[32];
    void *reply; /* holds the mounts */
    Containerd__Types__Mount **mounts;
    size_t n_mounts;
} Side;

static int stat_snapshot(Client *client, const NounOptions *options, const char *key,
    Containerd__Snapshots__StatSnapshotResponse **ret, Error *err) {
    Containerd__Snapshots__StatSnapshotRequest request;
    containerd__snapshots__stat_snapshot_request__init(&request);
    request.snapshotter = noun_snapshotter(options);
    request.key = (char *)key;
    return client_call(client, SNAPSHOTS, "Stat", &request, ret, err);
}

static int side_view(
    Side *side, Client *client, const NounOptions *options, const char *key, Error *err) {
    char random[17];
    Containerd__Snapshots__ViewSnapshotRequest request;
    Containerd__Snapshots__ViewSnapshotResponse *reply = NULL;
    containerd__snapshots__view_snapshot_request__init(&request);
    text_random_hex(random, 8);
    snprintf(side->view, sizeof(side->view), "tare-diff-%s", random);
    request.snapshotter = noun_snapshotter(options);
    request.key = side->view;
    request.parent = (char *)key;
    int code = client_call(client, SNAPSHOTS, "View", &request, &reply, err);
    if (code < 0) {
        side->view[0] = '\0';
        return code;
    }
    side->reply = reply;
    side->mounts = reply->mounts;
    side->n_mounts = reply->n_mounts;
    return 0;
}

static int side_open(
    Side *side, Client *client, const NounOptions *options, const char *key, Error *err) {
    autoreply Containerd__Snapshots__StatSnapshotResponse *info = NULL;
    TRY(stat_snapshot(client, options, key, &info, err));
    if (info->info->kind == CONTAINERD__SNAPSHOTS__KIND__COMMITTED)
        return side_view(side, client, options, key, err);
    Containerd__Snapshots__MountsRequest request;
    Containerd__Snapshots__MountsResponse *reply = NULL;
    containerd__snapshots__mounts_request__init(&request);
    request.snapshotter = noun_snapshotter(options);
    request.key = (char *)key;
    TRY(client_call(client, SNAPSHOTS, "Mounts", &request, &reply, err));
    side->reply = reply;
    side->mounts = reply->mounts;
    side->n_mounts = reply->n_mounts;
    return 0;
}

/* A view that stays is the lease's, and goes when that expires. */
static void side_close(Side *side, Client *client, const NounOptions *options) {
    Error gone;
    Containerd__Snapshots__RemoveSnapshotRequest request;
    containerd__snapshots__remove_snapshot_request__init(&request);
    request.snapshotter = noun_snapshotter(options);
    request.key = side->view;
    if (side->view[0])
        client_call(client, SNAPSHOTS, "Remove", &request, NULL, &gone);
    client_reply_free(side->reply);
}

static int make(
    Client *client, const NounOptions *options, const Side *left, const Side *right, Error *err) {
    NounEntry *type = &containerd__diff__diff_request__labels_entry__descriptor;
    char now[TIME_TEXT_SIZE];
    autodone(NounMap) labels = {};
    autoreply Containerd__Diff__DiffResponse *reply = NULL;
    Containerd__Diff__DiffRequest request;
    containerd__diff__diff_request__init(&request);
    noun_map_read(&labels, type, options->labels.item, options->labels.n);
    if (options->keep)
        noun_map_add(&labels, type, "containerd.io/gc.root", time_format(time_now(), now));
    request.left = left->mounts;
    request.n_left = left->n_mounts;
    request.right = right->mounts;
    request.n_right = right->n_mounts;
    request.media_type = (char *)(options->media_type ? options->media_type : "");
    request.ref = (char *)(options->reference ? options->reference : "");
    request.labels = (void *)labels.entry;
    request.n_labels = labels.n;
    TRY(client_call(client, &containerd__diff__diff__descriptor, "Diff", &request, &reply, err));
    return noun_content_print(client, reply->diff->digest, err);
}

static int compare(
    Client *client, const NounOptions *options, const char *old, const char *new, Error *err) {
    Side left = {}, right = {};
    int code = *old ? side_open(&left, client, options, old, err) : 0;
    if (code == 0)
        code = side_open(&right, client, options, new, err);
    if (code == 0)
        code = make(client, options, &left, &right, err);
    side_close(&left, client, options);
    side_close(&right, client, options);
    return code;
}

static int diff(Client *client, const NounOptions *options, int argc, char **argv, Error *err) {
    autoreply Containerd__Snapshots__StatSnapshotResponse *info = NULL;
    if (argc > 1)
        return compare(client, options, argv[0], argv[1], err);
    TRY(stat_snapshot(client, options, argv[0], &info, err));
    return compare(client, options, info->info->parent, argv[0], err);
}

static int run(Cli *cli, const void *values, int argc, char **argv) {
    Error err = {};
    Client *client = NULL;
    char lease[NOUN_LEASE_SIZE];
    if (noun_client(cli, values, &client, &err) < 0 || noun_lease_begin(client, lease, &err) < 0)
        return cli_report(cli, &err);
    int code = diff(client, values, argc, argv, &err);
    noun_lease_end(client, lease);
    return code < 0 ? cli_report(cli, &err) : 0;
}

#define T NounOptions
static const Option options[] = {
    {0, "keep", OPTION_FLAG, offsetof(T, keep), NULL, "Keep the layer as content"},
    {0, "label", OPTION_TEXTS, offsetof(T, labels), "key=value", "Labels of the layer as content"},
    {0, "media-type", OPTION_TEXT, offsetof(T, media_type), "string",
        "Media type of the layer (default \"application/vnd.oci.image.layer.v1.tar+gzip\")"},
    NOUN_SPACE,
    {0, "ref", OPTION_TEXT, offsetof(T, reference), "string",
        "Reference of the write, as \"tare content active\" shows it"},
    NOUN_SNAPSHOTTER,
    {},
};
#undef T

const Command command_snapshot_diff = {
    .arguments = "[OPTIONS] KEY [NEWER]",
    .summary =
        "Write what a snapshot has beyond its parent, or NEWER beyond it, to standard output",
    .more = "The output is a layer: a tar, compressed as its media type says, in which what was "
            "removed is there as \".wh.NAME\". It is read from the content store, where "
            "nothing keeps it unless --keep is given.",
    .options = options,
    .options_size = sizeof(NounOptions),
    .min = 1,
    .max = 2,
    .run = run,
};
