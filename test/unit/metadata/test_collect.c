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
#include "base/time.h"
#include "engine/metadata/blob.h"
#include "engine/metadata/collect.h"
#include "engine/metadata/garbage_label.h"
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
    assert_int_equal(make_tree(world, "wrong", "kept", NULL), ERROR_INVALID); /* not committed */
    assert_int_equal(make_tree(world, "wrong", "missing", NULL), ERROR_NOT_FOUND);
    run(world);
    tree_list(&world->trees, "ns", &infos);
    assert_int_equal(infos.n, 2);
    assert_string_equal(infos.item[0].key, "base");
    assert_string_equal(infos.item[1].key, "kept");
    assert_string_equal(infos.item[1].parent, "base");
    assert_int_equal(tree_remove(&world->trees, "ns", "base", &err), ERROR_STATE);
}

/* An active snapshot with a label. */
static void make_labelled(World *world, const char *name, const char *key, const char *value) {
    Error err = {};
    SnapshotInfo like = {.key = (char *)(uintptr_t)name, .kind = SNAPSHOT_ACTIVE};
    label(&like.labels, key, value);
    assert_int_equal(tree_make(&world->trees, "ns", NULL, &like, &err), 0);
    json_map_done(&like.labels);
}

static bool has_tree(World *world, const char *name) {
    Error err = {};
    SnapshotInfo info = {};
    int code = tree_stat(&world->trees, "ns", name, &info, &err);
    snapshot_info_done(&info);
    return code == 0;
}

static void what_names_a_living_parent_lives_with_it(void **state) {
    World *world = *state;
    Error err = {};
    autofree char *parent = put(world, "ns", "parent", NULL, NULL);
    autofree char *of_image =
        put(world, "ns", "of image", "containerd.io/gc.bref.image.x", "image");
    autofree char *of_content =
        put(world, "ns", "of content", "containerd.io/gc.bref.content", parent);
    autofree char *of_child =
        put(world, "ns", "of child", "containerd.io/gc.bref.content", of_content);
    autofree char *of_nothing = put(world, "ns", "of nothing", "containerd.io/gc.bref.image", "no");
    autofree char *of_garbage =
        put(world, "ns", "of garbage", "containerd.io/gc.bref.content", of_nothing);
    autofree char *not_quite = put(world, "ns", "near", "containerd.io/gc.bref.imagery", "image");
    make(world, METADATA_IMAGE, "image", parent, NULL, NULL);
    make_labelled(world, "tree", "containerd.io/gc.bref.content/rootfs", of_content);
    autofree char *of_tree =
        put(world, "ns", "of tree", "containerd.io/gc.bref.snapshot.overlayfs/a", "tree");
    run(world);
    assert_true(has(world, "ns", of_image) && has(world, "ns", of_content));
    assert_true(has(world, "ns", of_child) && has(world, "ns", of_tree) && has_tree(world, "tree"));
    assert_false(has(world, "ns", of_nothing) || has(world, "ns", of_garbage));
    assert_false(has(world, "ns", not_quite));
    assert_int_equal(
        metadata_remove(world->trees.metadata, METADATA_IMAGE, "ns", "image", &err), 0);
    run(world);
    assert_false(has(world, "ns", of_image) || has(world, "ns", of_content));
    assert_false(
        has(world, "ns", of_child) || has(world, "ns", of_tree) || has_tree(world, "tree"));
}

static void an_expired_image_lives_with_what_it_names(void **state) {
    World *world = *state;
    autofree char *top = put(world, "ns", "top", NULL, NULL);
    MetadataRecord *record = metadata_record_new(METADATA_IMAGE, "ns", "old");
    Error err = {};
    label(&record->labels, "containerd.io/gc.expire", "2020-01-01T00:00:00Z");
    label(&record->labels, "containerd.io/gc.bref.image", "kept");
    assert_int_equal(metadata_create(world->trees.metadata, record, &err), 0);
    make(world, METADATA_IMAGE, "alone", NULL, "containerd.io/gc.expire", "2020-01-01T00:00:00Z");
    make(world, METADATA_IMAGE, "kept", top, "containerd.io/gc.expire", "2999-01-01T00:00:00Z");
    run(world);
    assert_true(metadata_has(world->trees.metadata, METADATA_IMAGE, "ns", "kept"));
    assert_true(metadata_has(world->trees.metadata, METADATA_IMAGE, "ns", "old"));
    assert_false(metadata_has(world->trees.metadata, METADATA_IMAGE, "ns", "alone"));
    assert_true(has(world, "ns", top));
}

static void a_condition_keeps_what_was_used_lately(void **state) {
    World *world = *state;
    const char *used = "containerd.io/gc.cond.value-usedat";
    autofree char *top = put(world, "ns", "top", "containerd.io/gc.cond.snapshot.overlayfs/b",
        "other=1,usedat<876000h|lately");
    make(world, METADATA_IMAGE, "image", top, "containerd.io/gc.cond.snapshot.overlayfs",
        "usedat<24h|long-ago");
    make_labelled(world, "lately", used, "2020-01-01T00:00:00Z");
    make_labelled(world, "long-ago", used, "2020-01-01T00:00:00Z");
    make_labelled(world, "unnamed", used, "2999-01-01T00:00:00Z");
    run(world);
    assert_true(has_tree(world, "lately"));
    assert_false(has_tree(world, "long-ago") || has_tree(world, "unnamed"));
}

static void conditions(void **state) {
    static const struct {
        const char *value;
        bool holds; /* for what was used an hour ago */
    } rows[] = {
        {"usedat<2h|key", true},
        {"usedat<30m|key", false},
        {"usedat>30m|key", true},
        {"usedat>2h|key", false},
        {"usedat<30m,usedat>59m|key", true},
        {"a,b=c,usedat<2h|key", true},
        {"usedat<=2h|key", false},
        {"usedat=1h|key", false},
        {"usedat|key", false},
        {"usedat<|key", false},
        {"|key", false},
        {",|key", false},
        {"usedat<2h", false},
        {"", false},
    };
    JsonMap labels = {};
    label(&labels, "containerd.io/gc.cond.value-usedat", "2026-01-01T11:00:00Z");
    int64_t now;
    Error err = {};
    assert_int_equal(time_parse("2026-01-01T12:00:00Z", &now, &err), 0);
    for (size_t i = 0; i < array_size(rows); i++)
        if (garbage_condition_holds(rows[i].value, &labels, now) != rows[i].holds)
            fail_msg("'%s'", rows[i].value);
    assert_string_equal(garbage_condition_key("usedat<1h|the|key"), "the|key");
    assert_null(garbage_condition_key("usedat<1h|"));
    assert_null(garbage_condition_key("usedat<1h"));
    json_map_done(&labels);
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
        cmocka_unit_test_setup_teardown(
            what_names_a_living_parent_lives_with_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            an_expired_image_lives_with_what_it_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_condition_keeps_what_was_used_lately, set_up, tear_down),
        cmocka_unit_test(conditions),
        cmocka_unit_test_setup_teardown(a_container_keeps_its_snapshot, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_write_goes_on_where_it_ended, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
