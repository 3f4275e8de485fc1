// SPDX-License-Identifier: Apache-2.0
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "runtime/namespace/namespace.h"
#include "test.h"

static OciLinux with(const char *type, const char *path) {
    OciLinux config = {};
    OciNamespace *namespace = json_objects_add(&config.namespaces, &oci_namespace_type);
    namespace->type = text_copy(type);
    namespace->path = text_copy(path);
    return config;
}

static void each_word_has_its_flag(void **state) {
    static const struct {
        const char *word;
        int flag;
    } rows[] = {{"pid", CLONE_NEWPID}, {"network", CLONE_NEWNET}, {"ipc", CLONE_NEWIPC},
        {"uts", CLONE_NEWUTS}, {"mount", CLONE_NEWNS}, {"user", CLONE_NEWUSER},
        {"cgroup", CLONE_NEWCGROUP}, {"time", 0x80}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        OciLinux config = with(rows[i].word, NULL);
        Namespaces namespaces;
        Error err = {};
        assert_int_equal(namespaces_init(&namespaces, &config, &err), 0);
        assert_int_equal(namespaces.create, rows[i].flag);
        assert_int_equal(namespaces.join, 0);
        namespaces_done(&namespaces);
        json_done(&oci_linux_type, &config);
    }
}

static void our_own_namespace_is_nothing_to_join(void **state) {
    OciLinux config = with("uts", "/proc/self/ns/uts");
    Namespaces namespaces;
    Error err = {};
    assert_int_equal(namespaces_init(&namespaces, &config, &err), 0);
    assert_int_equal(namespaces.create | namespaces.join, 0);
    namespaces_done(&namespaces);
    json_done(&oci_linux_type, &config);
}

static void unknown_and_missing_ones_are_named(void **state) {
    OciLinux config = with("magic", NULL);
    Namespaces namespaces;
    Error err = {};
    assert_failed(namespaces_init(&namespaces, &config, &err), err, ERROR_INVALID,
        "linux.namespaces[0].type: unknown namespace \"magic\"");
    json_done(&oci_linux_type, &config);
    config = with("network", "/proc/nonexistent");
    assert_failed(namespaces_init(&namespaces, &config, &err), err, ERROR_NOT_FOUND,
        "linux.namespaces[0].path: cannot open '/proc/nonexistent': no such file or directory");
    namespaces_done(&namespaces);
    json_done(&oci_linux_type, &config);
}

int main(void) {
    const struct CMUnitTest tests[] = {TEST(each_word_has_its_flag),
        TEST(our_own_namespace_is_nothing_to_join), TEST(unknown_and_missing_ones_are_named)};
    return RUN(tests);
}
