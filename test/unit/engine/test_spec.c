// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "engine/container/spec/spec.h"

#include <cmocka.h>

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static ContainerRecord *record;
static OciSpec spec;

static int set_up(void **state) {
    record = container_record_new();
    record->id = text_copy(ID);
    record->name = text_copy("n");
    record->settings->image = text_copy("i");
    record->image->id = text_copy("sha256:1");
    spec = (OciSpec){};
    return 0;
}

static int tear_down(void **state) {
    json_done(&oci_spec_type, &spec);
    container_record_unref(record);
    return 0;
}

static void add_all(JsonTexts *to, const char *words) {
    autotexts char **list = texts_split(words, ' ');
    for (char **word = list; *word; word++)
        json_texts_add(to, *word);
}

static void build_with(SpecInput input) {
    static Identity identity = {.uid = 7, .gid = 8, .home = (char *)"/home/x"};
    Error err = {};
    input.record = record;
    input.identity = &identity;
    input.directory = "/root/containers/" ID;
    if (spec_build(&input, &spec, &err) < 0)
        fail_msg("%s", err.message);
}

static void build(void) {
    build_with((SpecInput){.sandbox = "/netns/x", .cgroup_v2 = true});
}

static void expect_texts(const JsonTexts *texts, const char *words) {
    autofree char *joined = texts->n ? texts_join(texts->item, " ") : text_copy("");
    assert_string_equal(joined, words);
}

typedef struct CommandCase {
    const char *image_entrypoint, *image_cmd;
    bool has_entrypoint;
    const char *entrypoint, *command, *result; /* result NULL: refused */
} CommandCase;

static void entrypoint_and_command_combine_as_dockers(void **state) {
    static const CommandCase cases[] = {
        {"", "sh", false, "", "", "sh"},
        {"", "sh", false, "", "echo hi", "echo hi"},
        {"entry -a", "sh", false, "", "", "entry -a sh"},
        {"entry -a", "sh", false, "", "echo hi", "entry -a echo hi"},
        {"entry", "sh", true, "mine", "", "mine"},
        {"entry", "sh", true, "mine", "x", "mine x"},
        {"entry", "sh", true, "", "x", "x"},
        {"entry", "sh", true, "", "", NULL},
        {"", "", false, "", "", NULL},
        {"entry", "", false, "", "", "entry"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        autodone(JsonTexts) command = {};
        Error err = {};
        tear_down(NULL);
        set_up(NULL);
        add_all(&record->image->config->entrypoint, cases[i].image_entrypoint);
        add_all(&record->image->config->cmd, cases[i].image_cmd);
        add_all(&record->settings->entrypoint, cases[i].entrypoint);
        add_all(&record->settings->command, cases[i].command);
        record->settings->has_entrypoint = (JsonBool){true, cases[i].has_entrypoint};
        int r = spec_command(record, &command, &err);
        if (cases[i].result) {
            assert_int_equal(r, 0);
            expect_texts(&command, cases[i].result);
        } else {
            assert_int_equal(r, ERROR_INVALID);
            assert_string_equal(err.message, "no command specified");
        }
    }
}

/* docker run --entrypoint "" */
static void an_empty_entrypoint_clears_the_images(void **state) {
    autodone(JsonTexts) command = {};
    Error err = {};
    add_all(&record->image->config->entrypoint, "entry");
    json_texts_add(&record->settings->entrypoint, "");
    record->settings->has_entrypoint = (JsonBool){true, true};
    add_all(&record->settings->command, "sh");
    assert_int_equal(spec_command(record, &command, &err), 0);
    expect_texts(&command, "sh");
}

static void the_environment_is_default_then_image_then_user(void **state) {
    add_all(&record->image->config->cmd, "sh");
    add_all(&record->image->config->env, "A=image B=image PATH=/image");
    add_all(&record->settings->environment, "B=user C=user A D=");
    build();
    expect_texts(
        &spec.process->env, "PATH=/image HOSTNAME=0123456789ab B=user C=user D= HOME=/home/x");
}

static void a_terminal_has_a_type_and_the_user_may_set_home(void **state) {
    add_all(&record->image->config->cmd, "sh");
    add_all(&record->settings->environment, "HOME=/mine");
    record->settings->terminal = (JsonBool){true, true};
    record->settings->hostname = text_copy("box");
    build();
    assert_string_equal(spec.process->env.item[1], "HOSTNAME=box");
    assert_string_equal(spec.process->env.item[2], "TERM=xterm");
    assert_string_equal(spec.process->env.item[3], "HOME=/mine");
    assert_int_equal(spec.process->env.n, 4);
    assert_true(spec.process->terminal.value);
}

static void directory_and_user_come_from_user_else_image(void **state) {
    autofree char *image = NULL, *user = NULL, *root = spec_directory(record);
    assert_string_equal(root, "/");
    record->image->config->working_dir = text_copy("srv/../app/");
    image = spec_directory(record);
    assert_string_equal(image, "/app");
    record->settings->working_directory = text_copy("/mine");
    user = spec_directory(record);
    assert_string_equal(user, "/mine");
    record->image->config->user = text_copy("web");
    assert_string_equal(spec_user(record), "web");
    record->settings->user = text_copy("0");
    assert_string_equal(spec_user(record), "0");
}

static const OciMount *mount_at(const char *destination) {
    const OciMount *item = spec.mounts.item;
    for (size_t i = 0; i < spec.mounts.n; i++) {
        if (text_equal(item[i].destination, destination))
            return &item[i];
    }
    return NULL;
}

static bool has_option(const OciMount *mount, const char *option) {
    for (size_t i = 0; i < mount->options.n; i++) {
        if (text_equal(mount->options.item[i], option))
            return true;
    }
    return false;
}

static const OciNamespace *namespace_of(const char *type) {
    const OciNamespace *item = spec.linux->namespaces.item;
    for (size_t i = 0; i < spec.linux->namespaces.n; i++) {
        if (text_equal(item[i].type, type))
            return &item[i];
    }
    return NULL;
}

static void a_plain_container_is_confined(void **state) {
    add_all(&record->image->config->cmd, "sh");
    build();
    assert_int_equal(spec.process->capabilities->bounding.n, 14);
    assert_int_equal(spec.process->capabilities->inheritable.n, 0);
    assert_int_equal(spec.process->capabilities->ambient.n, 0);
    assert_non_null(spec.linux->seccomp);
    assert_true(spec.linux->masked_paths.n >= 12);
    assert_int_equal(spec.linux->readonly_paths.n, 5);
    assert_true(has_option(mount_at("/sys"), "ro"));
    assert_true(has_option(mount_at("/sys/fs/cgroup"), "ro"));
    assert_string_equal(spec.linux->cgroups_path, "/tare/" ID);
    assert_string_equal(namespace_of("network")->path, "/netns/x");
    assert_non_null(namespace_of("cgroup"));
    assert_null(namespace_of("user"));
    const OciDeviceRule *rules = spec.linux->resources->devices.item;
    assert_false(rules[0].allow.value);
    assert_null(rules[0].type);
    assert_string_equal(
        json_map_find(&spec.linux->sysctl, "net.ipv4.ip_unprivileged_port_start"), "0");
    assert_int_equal(spec.process->user->uid.value, 7);
    assert_string_equal(spec.hostname, "0123456789ab");
}

static void a_privileged_container_is_not(void **state) {
    add_all(&record->image->config->cmd, "sh");
    record->settings->privileged = (JsonBool){true, true};
    build();
    assert_null(spec.linux->seccomp);
    assert_int_equal(spec.linux->masked_paths.n, 0);
    assert_int_equal(spec.linux->readonly_paths.n, 0);
    assert_false(has_option(mount_at("/sys"), "ro"));
    assert_false(has_option(mount_at("/sys/fs/cgroup"), "ro"));
    const OciDeviceRule *rules = spec.linux->resources->devices.item;
    assert_int_equal(spec.linux->resources->devices.n, 1);
    assert_true(rules[0].allow.value);
}

static void the_hosts_network_has_no_namespace_and_no_sysctls(void **state) {
    add_all(&record->image->config->cmd, "sh");
    build_with((SpecInput){});
    assert_null(namespace_of("network"));
    assert_null(namespace_of("cgroup")); /* as Docker on cgroup v1 */
    assert_int_equal(spec.linux->sysctl.n, 0);
}

static bool may_call(const char *name) {
    const OciSeccompRule *rules = spec.linux->seccomp->syscalls.item;
    for (size_t i = 0; i < spec.linux->seccomp->syscalls.n; i++) {
        for (size_t j = 0; j < rules[i].names.n; j++) {
            if (text_equal(rules[i].names.item[j], name) &&
                text_equal(rules[i].action, "SCMP_ACT_ALLOW") && !rules[i].args.n)
                return true;
        }
    }
    return false;
}

static void seccomp_follows_the_capabilities(void **state) {
    add_all(&record->image->config->cmd, "sh");
    build();
    assert_string_equal(spec.linux->seccomp->default_action, "SCMP_ACT_ERRNO");
    assert_true(may_call("read") && may_call("chroot") && may_call("clone") == false);
    assert_false(may_call("mount") || may_call("bpf") || may_call("keyctl") ||
                 may_call("io_uring_setup") || may_call("userfaultfd") || may_call("kexec_load"));
    json_done(&oci_spec_type, &spec);
    add_all(&record->settings->capabilities_add, "SYS_ADMIN");
    add_all(&record->settings->capabilities_drop, "SYS_CHROOT");
    build();
    assert_true(may_call("mount") && may_call("bpf") && may_call("clone"));
    assert_false(may_call("chroot"));
}

static void add_mount(
    const char *source, const char *target, bool read_only, const char *propagation) {
    ContainerMount *mount = json_objects_add(&record->settings->mounts, &container_mount_type);
    mount->source = text_copy(source);
    mount->target = text_copy(target);
    mount->read_only = (JsonBool){true, read_only};
    mount->propagation = text_copy(propagation);
}

static void user_mounts_replace_defaults_and_parents_come_first(void **state) {
    add_all(&record->image->config->cmd, "sh");
    add_mount("/h/c", "/a/b/c", true, "");
    add_mount("/h/a", "/a/", false, "rslave");
    add_mount("/h/shm", "/dev/shm", false, "");
    add_mount("/h/hosts", "/etc/hosts", false, "");
    build();
    assert_string_equal(mount_at("/dev/shm")->source, "/h/shm");
    assert_string_equal(mount_at("/etc/hosts")->source, "/h/hosts");
    assert_true(has_option(mount_at("/a/b/c"), "rro"));
    assert_true(has_option(mount_at("/a/b/c"), "rprivate"));
    assert_true(mount_at("/a") < mount_at("/a/b/c"));
    assert_string_equal(spec.linux->rootfs_propagation, "rslave");
    assert_string_equal(mount_at("/etc/hostname")->source, "/root/containers/" ID "/hostname");
}

static void limits_become_resources(void **state) {
    add_all(&record->image->config->cmd, "sh");
    record->settings->memory = (JsonInt){true, 64 << 20};
    record->settings->nano_cpus = (JsonInt){true, 1500000000};
    record->settings->pids_limit = (JsonInt){true, 50};
    record->settings->read_only = (JsonBool){true, true};
    build();
    assert_int_equal(spec.linux->resources->memory->limit.value, 64 << 20);
    assert_int_equal(spec.linux->resources->memory->swap.value, 128 << 20);
    assert_int_equal(spec.linux->resources->cpu->quota.value, 150000);
    assert_int_equal(spec.linux->resources->cpu->period.value, 100000);
    assert_int_equal(spec.linux->resources->pids->limit.value, 50);
    assert_true(spec.root->readonly.value);
}

static void refused(const char *words) {
    Error err = {};
    assert_int_equal(spec_check(record, &err), ERROR_INVALID);
    if (!strstr(err.message, words))
        fail_msg("'%s' lacks '%s'", err.message, words);
}

static void wrong_words_are_refused_when_creating(void **state) {
    Error err = {};
    refused("no command specified");
    add_all(&record->image->config->cmd, "sh");
    assert_int_equal(spec_check(record, &err), 0);
    record->settings->memory = (JsonInt){true, 1000};
    refused("Minimum memory limit allowed is 6MB");
    record->settings->memory = (JsonInt){};
    record->settings->nano_cpus = (JsonInt){true, INT64_C(1000000000000)};
    refused("range of CPUs");
    record->settings->nano_cpus = (JsonInt){};
    record->settings->hostname = text_copy("a\n127.0.0.1 b");
    refused("invalid hostname");
    free(record->settings->hostname);
    record->settings->hostname = NULL;
    record->settings->working_directory = text_copy("relative");
    refused("relative");
    free(record->settings->working_directory);
    record->settings->working_directory = NULL;
    record->settings->stop_signal = text_copy("SIGNOPE");
    refused("SIGNOPE");
    free(record->settings->stop_signal);
    record->settings->stop_signal = NULL;
    add_all(&record->settings->capabilities_add, "FLY");
    refused("CAP_FLY");
    json_texts_done(&record->settings->capabilities_add);
    add_mount("/h", "/", false, "");
    refused("destination can't be '/'");
}

static void the_same_target_twice_is_refused(void **state) {
    add_all(&record->image->config->cmd, "sh");
    add_mount("/h", "/a", false, "");
    add_mount("/i", "/a/.", false, "");
    refused("Duplicate mount point: /a");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(entrypoint_and_command_combine_as_dockers),
        TEST(an_empty_entrypoint_clears_the_images),
        TEST(the_environment_is_default_then_image_then_user),
        TEST(a_terminal_has_a_type_and_the_user_may_set_home),
        TEST(directory_and_user_come_from_user_else_image),
        TEST(a_plain_container_is_confined),
        TEST(a_privileged_container_is_not),
        TEST(the_hosts_network_has_no_namespace_and_no_sysctls),
        TEST(seccomp_follows_the_capabilities),
        TEST(user_mounts_replace_defaults_and_parents_come_first),
        TEST(limits_become_resources),
        TEST(wrong_words_are_refused_when_creating),
        TEST(the_same_target_twice_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
