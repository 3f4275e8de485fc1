// SPDX-License-Identifier: Apache-2.0
#include "engine/metadata/collect.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "engine/metadata/blob.h"
#include "engine/metadata/garbage_label.h"
#include "engine/metadata/lease.h"
#include "engine/metadata/private.h"
#include "engine/snapshot/named.h"

enum {
    COLLECT_EVERY = 100 /* changes, as containerd */
};
#define INGEST_LIFE (24 * 3600 * TIME_SECOND)

/* An object that may be garbage, or keep others: of the two pointers one is set. */
typedef struct Node {
    char *id; /* "kind/space/name" */
    const MetadataRecord *record;
    const SnapshotInfo *snapshot;
    enum {
        UNREACHED,
        REACHED_FLAT, /* its own references do not count */
        REACHED
    } state;
} Node;

/* An object that another one keeps, by a label of its own. */
typedef struct BackReference {
    char *by; /* the other's id, which may be nobody's */
    size_t kept;
} BackReference;

typedef struct Graph {
    Node *node; /* sorted by id */
    size_t n;
    BackReference *back; /* sorted by `by` */
    size_t back_n;
    size_t *work; /* reached, but not followed yet */
    size_t work_n;
    int64_t now;
    Snapshots *snapshots;
} Graph;

static int compare_nodes(const void *a, const void *b) {
    return strcmp(((const Node *)a)->id, ((const Node *)b)->id);
}

static Node *find_node(const Graph *graph, const char *id) {
    const Node key = {.id = (char *)(uintptr_t)id};
    return graph->n ? bsearch(&key, graph->node, graph->n, sizeof(key), compare_nodes) : NULL;
}

static void reach(Graph *graph, const char *id, bool flat) {
    Node *node = find_node(graph, id);
    int state = flat ? REACHED_FLAT : REACHED;
    if (!node || (int)node->state >= state)
        return;
    node->state = state;
    array_append(graph->work, graph->work_n, (size_t)(node - graph->node));
}

static char *id_of_snapshot(
    const Graph *graph, const char *snapshotter, const char *space, const char *name) {
    autofree char *plain = text_format("%s/%s", space, name);
    autofree char *key = snapshots_key_of(graph->snapshots, snapshotter, plain);
    return text_format("snapshot/%s", key ? key : plain);
}

static void reach_named(
    Graph *graph, const char *kind, const char *space, const char *name, bool flat) {
    autofree char *id = text_format("%s/%s/%s", kind, space, name);
    reach(graph, id, flat);
}

static void reach_snapshot(
    Graph *graph, const char *snapshotter, const char *space, const char *name, bool flat) {
    autofree char *id = id_of_snapshot(graph, snapshotter, space, name);
    reach(graph, id, flat);
}

/* The id of what a label with this verb names; NULL: it is another label. */
static char *id_of_label(
    const Graph *graph, GarbageVerb verb, const char *space, const char *key, const char *name) {
    const char *snapshotter = NULL;
    size_t n = 0;
    const char *kind = name ? garbage_label_kind(key, verb, &snapshotter, &n) : NULL;
    if (!kind)
        return NULL;
    if (!snapshotter)
        return text_format("%s/%s/%s", kind, space, name);
    autofree char *copy = text_copy_n(snapshotter, n);
    return id_of_snapshot(graph, copy, space, name);
}

/* An image or a blob that keeps a snapshot as long as that is in use. */
static void follow_condition(Graph *graph, const char *space, const char *key, const char *value) {
    autofree char *id =
        id_of_label(graph, GARBAGE_CONDITION, space, key, garbage_condition_key(value));
    const Node *node = id ? find_node(graph, id) : NULL;
    if (node && node->snapshot &&
        garbage_condition_holds(value, &node->snapshot->labels, graph->now))
        reach(graph, id, false);
}

static void follow_labels(
    Graph *graph, const char *space, const JsonMap *labels, bool conditional) {
    for (size_t i = 0; i < labels->n; i++) {
        autofree char *id =
            id_of_label(graph, GARBAGE_REFERENCE, space, labels->key[i], labels->value[i]);
        if (id)
            reach(graph, id, false);
        if (conditional)
            follow_condition(graph, space, labels->key[i], labels->value[i]);
    }
}

static void follow_lease(Graph *graph, const MetadataRecord *lease) {
    static const struct {
        const char *type, *kind;
    } rows[] = {
        {"content ", "content"},
        {"ingests ", "ingest"},
        {"images ", "image"},
    };
    bool flat = json_map_find(&lease->labels, GARBAGE_LABEL "flat");
    for (size_t i = 0; i < lease->resources.n; i++) {
        const char *resource = lease->resources.item[i], *type = "snapshots/";
        size_t n = strcspn(resource, " ");
        if (text_starts(resource, type) && resource[n]) {
            autofree char *snapshotter = text_copy_n(resource + strlen(type), n - strlen(type));
            reach_snapshot(graph, snapshotter, lease->space, resource + n + 1, flat);
        }
        for (size_t j = 0; j < array_size(rows); j++)
            if (text_starts(lease->resources.item[i], rows[j].type))
                reach_named(graph, rows[j].kind, lease->space,
                    lease->resources.item[i] + strlen(rows[j].type), flat);
    }
}

static void follow_record(Graph *graph, const MetadataRecord *record, bool flat) {
    if (record->kind == METADATA_LEASE)
        follow_lease(graph, record);
    if (record->digest)
        reach_named(graph, "content", record->space, record->digest, flat);
    if (record->container && !text_is_empty(record->container->snapshot_key))
        reach_snapshot(graph, record->container->snapshotter, record->space,
            record->container->snapshot_key, flat);
    if (!flat)
        follow_labels(graph, record->space, &record->labels,
            record->kind == METADATA_IMAGE || record->kind == METADATA_CONTENT);
}

/* Keys are "space/name" behind what engine/snapshot puts there, and so is what they stand on. */
static char *space_of_snapshot(const SnapshotInfo *snapshot) {
    const char *name = strchr(snapshot->key, '!'), *slash = strchr(snapshot->key, '/');
    const char *begin = name && name < slash ? name + 1 : snapshot->key;
    return text_copy_n(begin, strcspn(begin, "/"));
}

static void follow_snapshot(Graph *graph, const SnapshotInfo *snapshot, bool flat) {
    autofree char *parent = text_format("snapshot/%s", snapshot->parent ? snapshot->parent : "");
    autofree char *space = space_of_snapshot(snapshot);
    reach(graph, parent, flat);
    if (!flat)
        follow_labels(graph, space, &snapshot->labels, false);
}

/* The first back reference that does not sort before id. */
static size_t find_back(const Graph *graph, const char *id) {
    size_t low = 0, high = graph->back_n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(graph->back[middle].by, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void follow_back(Graph *graph, const Node *node) {
    for (size_t i = find_back(graph, node->id);
         i < graph->back_n && text_equal(graph->back[i].by, node->id); i++)
        reach(graph, graph->node[graph->back[i].kept].id, false);
}

static void mark(Graph *graph) {
    while (graph->work_n > 0) {
        const Node *node = &graph->node[graph->work[--graph->work_n]];
        bool flat = node->state == REACHED_FLAT;
        if (node->record)
            follow_record(graph, node->record, flat);
        else
            follow_snapshot(graph, node->snapshot, flat);
        if (!flat)
            follow_back(graph, node);
    }
}

static bool is_root(const Graph *graph, const Node *node) {
    if (node->snapshot)
        return garbage_label_is_root(&node->snapshot->labels);
    const MetadataRecord *record = node->record;
    switch (record->kind) {
    case METADATA_CONTAINER:
    case METADATA_NAMESPACE:
        return true;
    case METADATA_IMAGE:
    case METADATA_LEASE:
        return !garbage_label_is_expired(&record->labels, graph->now);
    case METADATA_INGEST:
        return graph->now - record->created.value < INGEST_LIFE;
    case METADATA_CONTENT:
    case METADATA_KINDS:
        break;
    }
    return garbage_label_is_root(&record->labels);
}

static void add(Graph *graph, Node node) {
    array_append(graph->node, graph->n, node);
}

static int compare_back_references(const void *a, const void *b) {
    return strcmp(((const BackReference *)a)->by, ((const BackReference *)b)->by);
}

static void note_back_references(Graph *graph, size_t i) {
    const Node *node = &graph->node[i];
    const JsonMap *labels = node->record ? &node->record->labels : &node->snapshot->labels;
    autofree char *space =
        node->record ? text_copy(node->record->space) : space_of_snapshot(node->snapshot);
    for (size_t j = 0; j < labels->n; j++) {
        BackReference back = {.kept = i};
        back.by =
            id_of_label(graph, GARBAGE_BACK_REFERENCE, space, labels->key[j], labels->value[j]);
        if (back.by)
            array_append(graph->back, graph->back_n, back);
    }
}

static void build(Graph *graph, const Metadata *metadata, const SnapshotInfos *snapshots) {
    for (size_t i = 0; i < metadata->n; i++)
        add(graph,
            (Node){.id = text_copy(metadata->record[i]->key), .record = metadata->record[i]});
    for (size_t i = 0; i < snapshots->n; i++)
        if (strchr(snapshots->item[i].key, '/'))
            add(graph, (Node){.id = text_format("snapshot/%s", snapshots->item[i].key),
                           .snapshot = &snapshots->item[i]});
    if (graph->n > 0)
        qsort(graph->node, graph->n, sizeof(*graph->node), compare_nodes);
    for (size_t i = 0; i < graph->n; i++)
        note_back_references(graph, i);
    if (graph->back_n > 0)
        qsort(graph->back, graph->back_n, sizeof(*graph->back), compare_back_references);
    for (size_t i = 0; i < graph->n; i++)
        if (is_root(graph, &graph->node[i]))
            reach(graph, graph->node[i].id, false);
}

/* What stands on others goes first: as long as some go, more may follow. */
static void sweep_snapshots(Graph *graph, Snapshots *snapshots) {
    Error in_use;
    for (bool some = true; some;) {
        some = false;
        for (size_t i = 0; i < graph->n; i++) {
            Node *node = &graph->node[i];
            if (!node->snapshot || node->state != UNREACHED ||
                snapshot_remove(snapshots, node->snapshot->key, &in_use) < 0)
                continue;
            node->state = REACHED;
            some = true;
        }
    }
}

static int sweep_records(const Graph *graph, Metadata *metadata, Error *err) {
    for (size_t i = 0; i < graph->n; i++)
        if (graph->node[i].record && graph->node[i].state == UNREACHED)
            TRY(metadata_drop_locked(metadata, graph->node[i].id, err));
    return 0;
}

/* With the lock of all records held: nobody takes hold of what is about to go. Clients name a
 * snapshot in their lease before they make it, so that the snapshots need no lock. */
static int collect_locked(Metadata *metadata, Snapshots *snapshots, Error *err) {
    autodone(SnapshotInfos) infos = {};
    Graph graph = {.now = time_now(), .snapshots = snapshots};
    snapshot_list(snapshots, &infos);
    build(&graph, metadata, &infos);
    mark(&graph);
    sweep_snapshots(&graph, snapshots);
    int code = sweep_records(&graph, metadata, err);
    for (size_t i = 0; i < graph.n; i++)
        free(graph.node[i].id);
    for (size_t i = 0; i < graph.back_n; i++)
        free(graph.back[i].by);
    free(graph.back);
    free(graph.node);
    free(graph.work);
    return code;
}

int metadata_collect(Metadata *metadata, Content *content, Snapshots *snapshots, Error *err) {
    pthread_mutex_lock(&metadata->mutex);
    int code = collect_locked(metadata, snapshots, err);
    metadata->changes = 0;
    pthread_mutex_unlock(&metadata->mutex);
    return code < 0 ? code : blob_sweep(metadata, content, err);
}

bool metadata_wants_collection(Metadata *metadata) {
    pthread_mutex_lock(&metadata->mutex);
    bool wanted = metadata->changes >= COLLECT_EVERY;
    pthread_mutex_unlock(&metadata->mutex);
    return wanted;
}

bool metadata_collection_is_due(Metadata *metadata) {
    int64_t now = time_now();
    pthread_mutex_lock(&metadata->mutex);
    bool due = metadata->changes >= COLLECT_EVERY;
    for (size_t i = 0; i < metadata->n && !due; i++)
        due = garbage_label_is_expired(&metadata->record[i]->labels, now);
    pthread_mutex_unlock(&metadata->mutex);
    return due;
}
