// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path.h"
#include "base/text.h"
#include "runtime/cgroup/resctrl.h"
#include "test.h"

/* No machine of ours has resctrl: a directory with the kernel's files and a group "c1" in its place
 * (Documentation/filesystems/resctrl.rst). */
typedef struct Tree {
    char root[64];
} Tree;

static void put(const Tree *tree, const char *name, const char *content) {
    Error err = {};
    autofree char *path = path_join(tree->root, name), *parent = path_parent(path);
    assert_int_equal(file_make_dirs(parent, 0755, &err), 0);
    assert_int_equal(file_write(AT_FDCWD, path, content, strlen(content), 0644, false, &err), 0);
}

static Tree make_tree(bool controls) {
    Tree tree = {"/tmp/test-resctrl-XXXXXX"};
    assert_non_null(mkdtemp(tree.root));
    put(&tree, "schemata", "    L3:0=ff;1=ff\n    MB:0=100;1=100\n");
    put(&tree, "c1/schemata", "    L3:0=f0;1=f\n    MB:0=20;1=70\n");
    put(&tree, "c1/tasks", "");
    if (!controls)
        return tree;
    put(&tree, "info/L3/cbm_mask", "ff\n");
    put(&tree, "info/L3/min_cbm_bits", "2\n");
    put(&tree, "info/L3/num_closids", "16\n");
    put(&tree, "info/MB/bandwidth_gran", "10\n");
    put(&tree, "info/MB/delay_linear", "1\n");
    put(&tree, "info/MB/min_bandwidth", "10\n");
    put(&tree, "info/MB/num_closids", "8\n");
    put(&tree, "info/L3_MON/mon_features", "llc_occupancy\nmbm_total_bytes\nmbm_local_bytes\n");
    for (int node = 0; node < 2; node++) {
        autofree char *place = text_format("c1/mon_data/mon_L3_0%d", node);
        autofree char *cache = text_format("%s/llc_occupancy", place);
        autofree char *total = text_format("%s/mbm_total_bytes", place);
        autofree char *local = text_format("%s/mbm_local_bytes", place);
        put(&tree, cache, node ? "4096\n" : "8192\n");
        put(&tree, total, "300\n");
        put(&tree, local, "Unavailable\n");
    }
    return tree;
}

static void remove_tree(const Tree *tree) {
    Error err = {};
    assert_int_equal(file_remove_tree(AT_FDCWD, tree->root, &err), 0);
}

static void schemas_are_written_to_the_containers_group(void **state) {
    Tree tree = make_tree(true);
    Error err = {};
    autodone(Text) text = {};
    const OciIntelRdt own = {};
    const ResctrlChange change = {.l3_cache = "L3:0=3;1=3", .bandwidth = "MB:0=50"};
    assert_int_equal(resctrl_update_at(tree.root, &own, "c1", &change, &err), 0);
    autofree char *path = path_join(tree.root, "c1/schemata");
    assert_int_equal(file_read(AT_FDCWD, path, 4096, &text, &err), 0);
    assert_true(text_starts(text.data, "L3:0=3;1=3\nMB:0=50\n"));
    remove_tree(&tree);
}

static void a_change_that_cannot_be_is_refused(void **state) {
    Tree tree = make_tree(false);
    Error err = {};
    const OciIntelRdt own = {};
    const ResctrlChange cache = {.l3_cache = "L3:0=3"}, bandwidth = {.bandwidth = "MB:0=50"};
    assert_int_equal(resctrl_update_at(tree.root, &own, "c1", &cache, &err), ERROR_UNSUPPORTED);
    assert_string_equal(err.message, "Intel RDT/CAT: l3 cache schema is not enabled");
    assert_int_equal(resctrl_update_at(NULL, &own, "c1", &bandwidth, &err), ERROR_UNSUPPORTED);
    assert_string_equal(err.message, "Intel RDT/MBA: memory bandwidth schema is not enabled");
    remove_tree(&tree);
    tree = make_tree(true);
    assert_int_equal(resctrl_update_at(tree.root, NULL, "c1", &cache, &err), ERROR_UNSUPPORTED);
    assert_string_equal(
        err.message, "updating a non-existent Intel RDT configuration is not supported");
    const ResctrlChange wrong = {.bandwidth = "L3:0=1"};
    assert_int_equal(resctrl_update_at(tree.root, &own, "c1", &wrong, &err), ERROR_INVALID);
    assert_int_equal(resctrl_update_at(tree.root, &own, "c2", &cache, &err), ERROR_NOT_FOUND);
    remove_tree(&tree);
}

static void statistics_have_the_reference_runtimes_form(void **state) {
    Tree tree = make_tree(true);
    const OciIntelRdt own = {};
    autofree char *text = resctrl_statistics_at(tree.root, &own, "c1");
    assert_string_equal(text,
        "{\"l3_cache_info\":{\"cbm_mask\":\"ff\",\"min_cbm_bits\":2,\"num_closids\":16},"
        "\"l3_cache_schema_root\":\"L3:0=ff;1=ff\",\"l3_cache_schema\":\"L3:0=f0;1=f\","
        "\"mem_bw_info\":{\"bandwidth_gran\":10,\"delay_linear\":1,\"min_bandwidth\":10,"
        "\"num_closids\":8},\"mem_bw_schema_root\":\"MB:0=100;1=100\","
        "\"mem_bw_schema\":\"MB:0=20;1=70\",\"schemata\":[\"    L3:0=f0;1=f\","
        "\"    MB:0=20;1=70\"],"
        "\"mbm_stats\":[{\"mbm_total_bytes\":300,\"mbm_local_bytes\":0},"
        "{\"mbm_total_bytes\":300,\"mbm_local_bytes\":0}],"
        "\"cmt_stats\":[{\"llc_occupancy\":8192},{\"llc_occupancy\":4096}]}");
    remove_tree(&tree);
}

static void without_resctrl_there_is_nothing_to_say(void **state) {
    const OciIntelRdt own = {};
    autofree char *none = resctrl_statistics_at(NULL, &own, "c1");
    autofree char *unasked = resctrl_statistics_at("/nowhere", NULL, "c1");
    assert_string_equal(none, "{}");
    assert_string_equal(unasked, "{}");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(schemas_are_written_to_the_containers_group),
        TEST(a_change_that_cannot_be_is_refused),
        TEST(statistics_have_the_reference_runtimes_form),
        TEST(without_resctrl_there_is_nothing_to_say),
    };
    return RUN(tests);
}
