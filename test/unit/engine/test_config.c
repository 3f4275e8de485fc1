// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/text.h"
#include "engine/config.h"

#include <cmocka.h>

static char directory[32];
static char *path;

static int set_up(void **state) {
    strcpy(directory, "/tmp/tare-config-XXXXXX");
    if (!mkdtemp(directory))
        return -1;
    path = path_join(directory, "engine.json");
    unsetenv("TARE_ROOT");
    unsetenv("TARE_STATE");
    unsetenv("TARE_CONFIG");
    return 0;
}

static int tear_down(void **state) {
    Error err = {};
    free(path);
    return file_remove_tree(AT_FDCWD, directory, &err);
}

static int load(const char *text, ConfigOptions options, Config *ret, Error *err) {
    if (text)
        assert_int_equal(file_write(AT_FDCWD, path, text, strlen(text), 0600, false, err), 0);
    options.config = path;
    return config_load(&options, ret, err);
}

static void refused(const char *text, const char *words) {
    Config config;
    Error err = {};
    assert_int_equal(load(text, (ConfigOptions){}, &config, &err), ERROR_INVALID);
    if (!strstr(err.message, words) || !strstr(err.message, path))
        fail_msg("'%s' lacks '%s' or the file's name", err.message, words);
    config_done(&config);
}

static void defaults_stand_without_a_word(void **state) {
    Config config;
    Error err = {};
    assert_int_equal(load("{}", (ConfigOptions){}, &config, &err), 0);
    assert_string_equal(config.root, "/var/lib/tare");
    assert_string_equal(config.state, "/run/tare");
    assert_int_equal(config.hosts.n, 1);
    assert_string_equal(config.hosts.item[0], "unix:///run/tare/tared.sock");
    assert_int_equal(config.log_level, LOG_LEVEL_INFO);
    assert_string_equal(config.log_driver, "json-file");
    assert_int_equal(config.max_concurrent_downloads, 3);
    assert_int_equal(config.max_concurrent_uploads, 5);
    assert_int_equal(config.mtu, 1500);
    config_done(&config);
}

static void every_key_of_docker_that_exists_is_read(void **state) {
    static const char text[] =
        "{\"data-root\":\"/r\",\"exec-root\":\"/s\",\"hosts\":[\"unix:///x.sock\"],\"debug\":true,"
        "\"log-opts\":{\"max-size\":\"10m\",\"max-file\":\"3\"},\"group\":\"docker\","
        "\"insecure-registries\":[\"a:1\"],\"registry-mirrors\":[\"https://m\"],\"mtu\":1400,"
        "\"registries\":{\"a/b\":{\"mirrors\":[\"https://n\"],\"blocked\":true}},"
        "\"registry-config-dirs\":[\"/c\"],\"proxies\":{\"https-proxy\":\"http://p\"},"
        "\"max-concurrent-downloads\":7,\"max-concurrent-uploads\":2,\"bridge\":\"b0\",\"bip\":\"10.1.0.1/24\",\"icc\":false,"
        "\"runtimes\":{\"crun\":{\"path\":\"/usr/bin/crun\"}},\"default-runtime\":\"crun\"}";
    Config config;
    Error err = {};
    ConfigRuntime runtime;
    assert_int_equal(load(text, (ConfigOptions){}, &config, &err), 0);
    assert_string_equal(config.root, "/r");
    assert_string_equal(config.state, "/s");
    assert_string_equal(config.hosts.item[0], "unix:///x.sock");
    assert_int_equal(config.log_level, LOG_LEVEL_DEBUG);
    assert_string_equal(json_map_find(&config.log_options, "max-size"), "10m");
    assert_string_equal(json_map_find(&config.log_options, "max-file"), "3");
    assert_string_equal(config.group, "docker");
    assert_string_equal(config.registry.insecure.item[0], "a:1");
    assert_string_equal(config.registry.mirrors.item[0], "https://m");
    assert_string_equal(config.registry.rules.key[0], "a/b");
    assert_true(((RegistryRule *)config.registry.rules.value)->blocked.value);
    assert_string_equal(config.registry.directories.item[0], "/c");
    assert_string_equal(config.registry.https_proxy, "http://p");
    assert_int_equal(config.mtu, 1400);
    assert_int_equal(config.max_concurrent_downloads, 7);
    assert_int_equal(config.max_concurrent_uploads, 2);
    assert_string_equal(config.bridge, "b0");
    assert_string_equal(config.bip, "10.1.0.1/24");
    assert_true(config.no_icc);
    assert_int_equal(config_runtime(&config, "", &runtime, &err), 0);
    assert_string_equal(runtime.path, "/usr/bin/crun");
    assert_null(runtime.type);
    assert_int_equal(config_runtime(&config, "nope", &runtime, &err), ERROR_INVALID);
    config_done(&config);
}

static void the_command_line_comes_before_environment_and_file(void **state) {
    Config config;
    Error err = {};
    setenv("TARE_STATE", "/environment", 1);
    setenv("TARE_ROOT", "/environment", 1);
    const ConfigOptions options = {.root = "/line", .log_level = "error"};
    assert_int_equal(
        load("{\"data-root\":\"/file\",\"exec-root\":\"/file\",\"log-level\":\"info\"}", options,
            &config, &err),
        0);
    assert_string_equal(config.root, "/line");
    assert_string_equal(config.state, "/environment");
    assert_int_equal(config.log_level, LOG_LEVEL_ERROR);
    config_done(&config);
}

static void mistakes_name_file_and_key_or_line(void **state) {
    refused("{\"debug\": true, \"deubg\": true}", "unknown key 'deubg'");
    refused("{\"debug\": \"yes\"}", "debug: expected true or false");
    refused("{\n\"debug\": true,\n\"mtu\": }\n", "line 3");
    refused("{\"hosts\": \"unix:///x\"}", "hosts: expected an array of strings");
    refused("{\"hosts\": [\"tcp://0.0.0.0:1\"]}", "tcp://0.0.0.0:1");
    refused("{\"log-opts\": {\"max-size\": \"big\"}}", "max-size");
    refused("{\"log-opts\": {\"max-file\": \"3\"}}", "max-file needs max-size");
    refused("{\"log-opts\": {\"colour\": \"3\"}}", "unknown log opt 'colour'");
    refused("{\"log-driver\": \"fluentd\"}", "no log driver named 'fluentd'");
    refused("{\"log-level\": \"loud\"}", "loud");
    refused("{\"max-concurrent-downloads\": 0}", "max-concurrent-downloads");
    refused("{\"mtu\": 70000}", "mtu");
    refused("{\"default-runtime\": \"kata\"}", "kata");
    refused("{\"runtimes\": {\"x\": {\"path\": \"relative\"}}}", "runtimes.x.path");
    refused("{\"runtimes\": {\"x\": {}}}", "runtimes.x: either a path or a runtimeType");
    refused("{\"runtimes\": {\"x\": {\"path\": \"/a\", \"runtimeType\": \"io.containerd.a.v1\"}}}",
        "runtimes.x: either a path or a runtimeType");
    refused("{\"runtimes\": {\"x\": {\"runtimeType\": \"runsc\"}}}", "runtimes.x.runtimeType");
    refused("{\"runtimes\": {\"x\": {\"path\": \"/a\", \"options\": {}}}}", "runtimes.x.options");
    refused(
        "{\"runtimes\": {\"x\": {\"runtimeType\": \"io.containerd.a.v1\", \"runtimeArgs\": [\"b\"]}}}",
        "runtimes.x.runtimeArgs");
    refused("{\"runtimes\": {\"x\": {\"runtimeType\": \"io.containerd.a.v1\", "
            "\"options\": {\"Colour\": 1}}}}",
        "runtimes.x.options: unknown key 'Colour'");
    refused("[]", "expected an object");
    refused("", "premature EOF");
}

static void a_runtime_is_known_by_table_name_path_and_type(void **state) {
    static const char text[] =
        "{\"runtimes\": {\"debug\": {\"path\": \"/usr/bin/runc\", \"runtimeArgs\": [\"--debug\"]},"
        "\"vm\": {\"runtimeType\": \"io.containerd.kata.v2\", \"options\": {\"configPath\": \"/k\"}}}}";
    static const struct {
        const char *name, *path, *type;
    } rows[] = {
        {"", NULL, NULL},
        {"tare", NULL, NULL},
        {"io.containerd.tare.v2", NULL, NULL},
        {"debug", "/usr/bin/runc", NULL},
        {"crun", "crun", NULL},
        {"/opt/bin/crun", "/opt/bin/crun", NULL},
        {"/opt/bin/containerd-shim-x-v1", NULL, "/opt/bin/containerd-shim-x-v1"},
        {"io.containerd.runc.v2", NULL, "io.containerd.runc.v2"},
        {"vm", NULL, "io.containerd.kata.v2"},
    };
    Config config;
    Error err = {};
    assert_int_equal(load(text, (ConfigOptions){}, &config, &err), 0);
    for (size_t i = 0; i < array_size(rows); i++) {
        ConfigRuntime runtime;
        assert_int_equal(config_runtime(&config, rows[i].name, &runtime, &err), 0);
        assert_true(text_equal(runtime.path, rows[i].path));
        assert_true(text_equal(runtime.type, rows[i].type));
    }
    static const char *const unknown[] = {
        "kata", "../bin/sh", "./runc", ".a.b", "a.b.", "bin/x.y.z"};
    for (size_t i = 0; i < array_size(unknown); i++) {
        ConfigRuntime runtime;
        assert_int_equal(config_runtime(&config, unknown[i], &runtime, &err), ERROR_INVALID);
        assert_non_null(strstr(err.message, unknown[i]));
    }
    ConfigRuntime runtime;
    ConfigRuntimeOptions options;
    assert_int_equal(config_runtime(&config, "vm", &runtime, &err), 0);
    assert_int_equal(config_runtime_options(&runtime, &options, &err), 0);
    assert_string_equal(options.config_path, "/k");
    config_runtime_options_done(&options);
    config_done(&config);
}

static void keys_without_effect_are_warned_about(void **state) {
    Config config;
    Error err = {};
    assert_int_equal(load("{\"live-restore\":true}", (ConfigOptions){}, &config, &err), 0);
    assert_int_equal(config.warnings.n, 1);
    assert_non_null(strstr(config.warnings.item[0], "'live-restore' has no effect"));
    config_done(&config);
}

static void a_named_file_must_exist(void **state) {
    Config config;
    Error err = {};
    assert_int_equal(load(NULL, (ConfigOptions){}, &config, &err), ERROR_NOT_FOUND);
    assert_non_null(strstr(err.message, path));
    config_done(&config);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(defaults_stand_without_a_word),
        TEST(every_key_of_docker_that_exists_is_read),
        TEST(the_command_line_comes_before_environment_and_file),
        TEST(mistakes_name_file_and_key_or_line),
        TEST(a_runtime_is_known_by_table_name_path_and_type),
        TEST(keys_without_effect_are_warned_about),
        TEST(a_named_file_must_exist),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
