// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "runtime/rootfs/mount_option.h"
#include "test.h"

static MountOptions parse(const char *words) {
    char **list = texts_split(words, ' ');
    JsonTexts texts = {.n = texts_count(list), .item = list};
    MountOptions options;
    mount_options_parse(&texts, &options);
    texts_free(list);
    return options;
}

static void attributes_are_set_and_cleared(void **state) {
    autodone(MountOptions) o = parse("nosuid noexec nodev ro");
    assert_true(
        o.set == (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NODEV | MOUNT_ATTR_RDONLY));
    assert_true(o.clear == 0 && o.data_n == 0 && !o.bind);
    autodone(MountOptions) later = parse("ro nosuid rw suid");
    assert_true(later.set == 0 && later.clear == (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID));
}

static void access_time_is_one_field(void **state) {
    autodone(MountOptions) o = parse("noatime strictatime");
    assert_true((o.set & MOUNT_ATTR__ATIME) == MOUNT_ATTR_STRICTATIME);
    assert_true(o.access_time && o.clear == 0);
    autodone(MountOptions) relative = parse("noatime relatime nodiratime");
    assert_true(relative.access_time && relative.set == MOUNT_ATTR_NODIRATIME);
    autodone(MountOptions) none = parse("nosuid noatime atime norelatime");
    assert_true(!none.access_time && none.set == MOUNT_ATTR_NOSUID);
    assert_true(none.clear == (MOUNT_ATTR_NOATIME | MOUNT_OPTION_RELATIME));
}

static void binds_without_flags_are_known(void **state) {
    autodone(MountOptions) plain = parse("rbind rprivate rro");
    autodone(MountOptions) flagged = parse("rbind dev");
    assert_true(!plain.flagged && flagged.flagged);
}

static void binds_and_their_trees(void **state) {
    autodone(MountOptions) flat = parse("bind");
    assert_true(flat.bind && !flat.recursive);
    autodone(MountOptions) deep = parse("rbind rro rnosuid rrw");
    assert_true(deep.bind && deep.recursive);
    assert_true(
        deep.recursive_set == MOUNT_ATTR_NOSUID && deep.recursive_clear == MOUNT_ATTR_RDONLY);
}

static void propagation_words(void **state) {
    static const struct {
        const char *word;
        unsigned long flag;
        bool recursive;
    } rows[] = {{"private", MS_PRIVATE, false}, {"rprivate", MS_PRIVATE, true},
        {"slave", MS_SLAVE, false}, {"rslave", MS_SLAVE, true}, {"shared", MS_SHARED, false},
        {"rshared", MS_SHARED, true}, {"unbindable", MS_UNBINDABLE, false},
        {"runbindable", MS_UNBINDABLE, true}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool recursive = false;
        assert_true(mount_option_propagation(rows[i].word, &recursive) == rows[i].flag);
        assert_true(recursive == rows[i].recursive);
        autodone(MountOptions) o = parse(rows[i].word);
        assert_true(o.propagation == rows[i].flag && o.propagation_recursive == rows[i].recursive);
    }
    bool untouched;
    assert_true(mount_option_propagation("ro", &untouched) == 0);
    assert_true(mount_option_propagation("nonsense", &untouched) == 0);
}

static void the_rest_goes_to_the_file_system(void **state) {
    autodone(MountOptions) o = parse("size=64k nosuid mode=755 sync tmpcopyup");
    assert_int_equal(o.data_n, 3);
    assert_string_equal(o.data[0], "size=64k");
    assert_string_equal(o.data[1], "mode=755");
    assert_string_equal(o.data[2], "sync");
    assert_null(o.data[3]);
    assert_true(o.copy_up);
}

static void names_are_sorted_and_each_does_something(void **state) {
    const char **names = mount_option_names();
    for (size_t i = 0; names[i]; i++) {
        assert_true(i == 0 || strcmp(names[i - 1], names[i]) < 0);
        autodone(MountOptions) o = parse(names[i]);
        assert_true(o.data_n <= 1);
    }
    free(names);
}

int main(void) {
    const struct CMUnitTest tests[] = {TEST(attributes_are_set_and_cleared),
        TEST(access_time_is_one_field), TEST(binds_without_flags_are_known),
        TEST(binds_and_their_trees), TEST(propagation_words),
        TEST(the_rest_goes_to_the_file_system), TEST(names_are_sorted_and_each_does_something)};
    return RUN(tests);
}
