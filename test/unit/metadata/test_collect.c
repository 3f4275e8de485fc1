// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/metadata/blob.h"
#include "engine/metadata/collect.h"
#include "engine/metadata/lease.h"
#include "engine/metadata/tree.h"

#include <cmocka.h>

/* A store, content, snapshots and metadata of our own, in a directory of our own. */
typedef struct World {
    char root[64];
    Store *store;
    Content *content;
    Trees trees;
} World;

static int set_up(void **state) {
    World *world = new (World);
    Error err = {};
    snprintf(world->root, sizeof(world->root), "/tmp/tare-collect.XXXXXX");
    assert_non_null(mkdtemp(world->root));
    assert_int_equal(store_open(world->root, &world->store, &err), 0);
    assert_int_equal(content_open(world->root, &world->content, &err), 0);
    assert_int_equal(metadata_open(world->store, &world->trees.metadata, &err), 0);
    assert_int_equal(
        snapshots_open(world->root, "overlay", world->store, &world->trees.snapshots, &err), 0);
    *state = world;
    return 0;
}

static int tear_down(void **state) {
    World *world = *state;
    Error err = {};
    snapshots_close(world->trees.snapshots);
    metadata_close(world->trees.metadata);
    content_close(world->content);
    store_close(world->store);
    file_remove_tree(AT_FDCWD, world->root, &err);
    free(world);
    return 0;
}

static void label(JsonMap *labels, const char *key, const char *value) {
    json_map_set(labels, key, value);
}

/* Writes a blob; the digest is the caller's. */
static char *put(
    World *world, const char *space, const char *text, const char *key, const char *value) {
    char digest[DIGEST_TEXT_SIZE];
    Error err = {};
    JsonMap labels = {};
    autoptr(BlobWriter) writer = NULL;
    const BlobWrite write = {.space = space, .reference = text};
    if (key)
        label(&labels, key, value);
    digest_of(text, strlen(text), digest);
    assert_int_equal(
        blob_writer_open(world->trees.metadata, world->content, &write, &writer, &err), 0);
    assert_int_equal(blob_writer_write(writer, text, strlen(text), &err), 0);
    assert_int_equal(blob_writer_commit(writer, strlen(text), digest, &labels, &err), 0);
    json_map_done(&labels);
    return text_copy(digest);
}

static bool has(World *world, const char *space, const char *digest) {
    return metadata_has(world->trees.metadata, METADATA_CONTENT, space, digest);
}

static void run(World *world) {
    Error err = {};
    assert_int_equal(
        metadata_collect(world->trees.metadata, world->content, world->trees.snapshots, &err), 0);
}

static void make(World *world, MetadataKind kind, const char *name, const char *digest,
    const char *key, const char *value) {
    Error err = {};
    MetadataRecord *record = metadata_record_new(kind, "ns", name);
    record->digest = text_copy(digest);
    if (key)
        label(&record->labels, key, value);
    assert_int_equal(metadata_create(world->trees.metadata, record, &err), 0);
}

static void what_an_image_reaches_stays(void **state) {
    World *world = *state;
    autofree char *layer = put(world, "ns", "layer", NULL, NULL);
    autofree char *lone = put(world, "ns", "lone", NULL, NULL);
    autofree char *rooted = put(world, "ns", "rooted", "containerd.io/gc.root", "now");
    autofree char *manifest =
        put(world, "ns", "manifest", "containerd.io/gc.ref.content.l.0", layer);
    autofree char *elsewhere = put(world, "other", "layer", NULL, NULL);
    make(world, METADATA_IMAGE, "image", manifest, NULL, NULL);
    run(world);
    assert_true(has(world, "ns", manifest) && has(world, "ns", layer) && has(world, "ns", rooted));
    assert_false(has(world, "ns", lone));
    assert_false(has(world, "other", elsewhere)); /* namespaces do not hold for one another */
}

static void leases_hold_until_they_expire(void **state) {
    World *world = *state;
    Error err = {};
    Metadata *metadata = world->trees.metadata;
    autofree char *below = put(world, "ns", "below", NULL, NULL);
    autofree char *deep = put(world, "ns", "deep", "containerd.io/gc.ref.content", below);
    autofree char *late = put(world, "ns", "late", NULL, NULL);
    make(world, METADATA_LEASE, "deep", NULL, NULL, NULL);
    make(world, METADATA_LEASE, "old", NULL, "containerd.io/gc.expire", "2020-01-01T00:00:00Z");
    assert_int_equal(lease_add(metadata, "ns", "deep", "content", deep, &err), 0);
    assert_int_equal(lease_add(metadata, "ns", "old", "content", late, &err), 0);
    run(world);
    assert_true(has(world, "ns", deep) && has(world, "ns", below));
    assert_false(has(world, "ns", late));
    assert_false(metadata_has(metadata, METADATA_LEASE, "ns", "old"));
}

static void a_flat_lease_holds_only_what_it_names(void **state) {
    World *world = *state;
    Error err = {};
    autofree char *below = put(world, "ns", "below", NULL, NULL);
    autofree char *top = put(world, "ns", "top", "containerd.io/gc.ref.content", below);
    make(world, METADATA_LEASE, "flat", NULL, "containerd.io/gc.flat", "yes");
    assert_int_equal(lease_add(world->trees.metadata, "ns", "flat", "content", top, &err), 0);
    run(world);
    assert_true(has(world, "ns", top));
    assert_false(has(world, "ns", below));
}

static int make_tree(World *world, const char *name, const char *parent, const char *root) {
    Error err = {};
    SnapshotInfo like = {
        .key = (char *)(uintptr_t)name,
        .parent = (char *)(uintptr_t)parent,
        .kind = SNAPSHOT_ACTIVE,
    };
    if (root)
        label(&like.labels, "containerd.io/gc.root", root);
    int code = tree_make(&world->trees, "ns", NULL, &like, &err);
    json_map_done(&like.labels);
    return code;
}

static void snapshots_keep_their_parents(void **state) {
    World *world = *state;
    Error err = {};
    autodone(SnapshotInfos) infos = {};
    const SnapshotInfo base = {.key = (char *)(uintptr_t) "base"};
    assert_int_equal(make_tree(world, "base-active", NULL, NULL), 0);
    assert_int_equal(tree_commit(&world->trees, "ns", NULL, "base-active", &base, &err), 0);
    assert_int_equal(make_tree(world, "kept", "base", "yes"), 0);
    assert_int_equal(make_tree(world, "lone", "base", NULL), 0);
    assert_int_equal(make_tree(world, "wrong", "kept", NULL), ERROR_STATE); /* not committed */
    assert_int_equal(make_tree(world, "wrong", "missing", NULL), ERROR_NOT_FOUND);
    run(world);
    tree_list(&world->trees, "ns", &infos);
    assert_int_equal(infos.n, 2);
    assert_string_equal(infos.item[0].key, "base");
    assert_string_equal(infos.item[1].key, "kept");
    assert_string_equal(infos.item[1].parent, "base");
    assert_int_equal(tree_remove(&world->trees, "ns", "base", &err), ERROR_STATE);
}

static void a_container_keeps_its_snapshot(void **state) {
    World *world = *state;
    Error err = {};
    assert_int_equal(make_tree(world, "rootfs", NULL, NULL), 0);
    MetadataRecord *record = metadata_record_new(METADATA_CONTAINER, "ns", "c");
    record->container = new (MetadataContainer);
    record->container->snapshot_key = text_copy("rootfs");
    assert_int_equal(metadata_create(world->trees.metadata, record, &err), 0);
    run(world);
    SnapshotInfo info = {};
    assert_int_equal(tree_stat(&world->trees, "ns", "rootfs", &info, &err), 0);
    snapshot_info_done(&info);
    assert_int_equal(
        metadata_remove(world->trees.metadata, METADATA_CONTAINER, "ns", "c", &err), 0);
    run(world);
    assert_int_equal(tree_stat(&world->trees, "ns", "rootfs", &info, &err), ERROR_NOT_FOUND);
}

static void a_write_goes_on_where_it_ended(void **state) {
    World *world = *state;
    Error err = {};
    const BlobWrite write = {.space = "ns", .reference = "half", .total = 6};
    BlobWriter *writer, *second;
    const JsonMap labels = {};
    assert_int_equal(
        blob_writer_open(world->trees.metadata, world->content, &write, &writer, &err), 0);
    assert_int_equal(blob_writer_write(writer, "hel", 3, &err), 0);
    assert_int_equal(blob_writer_open(world->trees.metadata, world->content, &write, &second, &err),
        ERROR_UNAVAILABLE);
    blob_writer_close(writer);
    run(world); /* young ingests stay */
    assert_int_equal(
        blob_writer_open(world->trees.metadata, world->content, &write, &writer, &err), 0);
    assert_int_equal(blob_writer_offset(writer), 3);
    assert_int_equal(blob_writer_commit(writer, 6, NULL, &labels, &err), ERROR_STATE);
    assert_int_equal(blob_writer_write(writer, "lo\n", 3, &err), 0);
    assert_int_equal(blob_writer_commit(writer, 6,
                         "sha256:"
                         "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03",
                         &labels, &err),
        0);
    blob_writer_close(writer);
    assert_false(metadata_has(world->trees.metadata, METADATA_INGEST, "ns", "half"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_an_image_reaches_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(leases_hold_until_they_expire, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_flat_lease_holds_only_what_it_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(snapshots_keep_their_parents, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_container_keeps_its_snapshot, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_write_goes_on_where_it_ended, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
