// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "oci/runtime.h"
#include "runtime/container/config.h"
#include "test.h"

/* Most objects of the specification's full example (config.md#configuration-schema-example). */
static const char full[] =
    "{\"ociVersion\":\"1.3.0\",\"process\":{\"terminal\":true,\"consoleSize\":{\"height\":5,\"width\":6},"
    "\"user\":{\"uid\":1,\"gid\":1,\"umask\":63,\"additionalGids\":[5,6]},\"args\":[\"sh\"],"
    "\"env\":[\"PATH=/bin\",\"TERM=xterm\"],\"cwd\":\"/\",\"capabilities\":{\"bounding\":[\"CAP_KILL\"],"
    "\"effective\":[],\"inheritable\":[\"CAP_KILL\"],\"permitted\":[],\"ambient\":[]},"
    "\"rlimits\":[{\"type\":\"RLIMIT_CORE\",\"hard\":18446744073709551615,\"soft\":1024}],"
    "\"noNewPrivileges\":true,\"apparmorProfile\":\"acme\",\"selinuxLabel\":\"l\",\"oomScoreAdj\":-100,"
    "\"ioPriority\":{\"class\":\"IOPRIO_CLASS_IDLE\",\"priority\":4}},"
    "\"root\":{\"path\":\"rootfs\",\"readonly\":true},\"hostname\":\"slartibartfast\","
    "\"mounts\":[{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"},"
    "{\"destination\":\"/dev\",\"type\":\"tmpfs\",\"source\":\"tmpfs\",\"options\":[\"nosuid\",\"mode=755\"]}],"
    "\"hooks\":{\"prestart\":[{\"path\":\"/usr/bin/fix-mounts\",\"args\":[\"fix-mounts\",\"arg1\"],"
    "\"env\":[\"key1=value1\"],\"timeout\":5}]},\"annotations\":{\"com.example.key1\":\"value1\"},"
    "\"linux\":{\"uidMappings\":[{\"containerID\":0,\"hostID\":1000,\"size\":32000}],"
    "\"sysctl\":{\"net.core.somaxconn\":\"256\"},\"resources\":{\"devices\":[{\"allow\":false,"
    "\"access\":\"rwm\"},{\"allow\":true,\"type\":\"c\",\"major\":10,\"minor\":229,\"access\":\"rw\"}],"
    "\"memory\":{\"limit\":536870912,\"swap\":-1,\"disableOOMKiller\":false},"
    "\"cpu\":{\"shares\":1024,\"quota\":1000000,\"cpus\":\"2-3\"},\"pids\":{\"limit\":32771},"
    "\"blockIO\":{\"weight\":10,\"throttleReadBpsDevice\":[{\"major\":8,\"minor\":0,\"rate\":600}]},"
    "\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":9}],\"network\":{\"classID\":1048577,"
    "\"priorities\":[{\"name\":\"eth0\",\"priority\":500}]},\"rdma\":{\"mlx5_1\":{\"hcaHandles\":3}},"
    "\"unified\":{\"memory.high\":\"1\"}},\"cgroupsPath\":\"/myRuntime/myContainer\","
    "\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"network\",\"path\":\"/var/run/netns/x\"}],"
    "\"devices\":[{\"path\":\"/dev/fuse\",\"type\":\"c\",\"major\":10,\"minor\":229,\"fileMode\":438,"
    "\"uid\":0,\"gid\":0}],\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\","
    "\"architectures\":[\"SCMP_ARCH_X86\"],\"syscalls\":[{\"names\":[\"getcwd\"],"
    "\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":1,\"args\":[{\"index\":0,\"value\":2080505856,"
    "\"valueTwo\":0,\"op\":\"SCMP_CMP_MASKED_EQ\"}]}]},\"rootfsPropagation\":\"slave\","
    "\"maskedPaths\":[\"/proc/kcore\"],\"readonlyPaths\":[\"/proc/sys\"],\"mountLabel\":\"l\","
    "\"personality\":{\"domain\":\"LINUX\"},\"timeOffsets\":{\"monotonic\":{\"secs\":172800,"
    "\"nanosecs\":0}}}}";

static void example_comes_back_as_it_was(void **state) {
    OciSpec spec;
    Error err = {};
    assert_int_equal(json_decode(&oci_spec_type, full, strlen(full), &spec, &err), 0);
    autofree char *text = json_encode(&oci_spec_type, &spec, 0);
    assert_string_equal(text, full);
    json_done(&oci_spec_type, &spec);
}

static void values_are_where_they_belong(void **state) {
    OciSpec spec;
    Error err = {};
    assert_int_equal(json_decode(&oci_spec_type, full, strlen(full), &spec, &err), 0);
    const OciRlimit *limit = spec.process->rlimits.item;
    assert_true(limit[0].hard.value == UINT64_MAX);
    assert_int_equal(spec.process->oom_score_adj.value, -100);
    assert_int_equal(spec.process->user->umask.value, 077);
    assert_int_equal(spec.linux->resources->memory->swap.value, -1);
    const OciNamespace *namespace = spec.linux->namespaces.item;
    assert_null(namespace[0].path);
    assert_string_equal(namespace[1].path, "/var/run/netns/x");
    json_done(&oci_spec_type, &spec);
}

static void state_has_what_hooks_expect(void **state) {
    OciState document = {.oci_version = (char[]){"1.3.0"},
        .id = (char[]){"x"},
        .status = (char[]){"creating"},
        .pid = {true, 7},
        .bundle = (char[]){"/b"}};
    autofree char *text = json_encode(&oci_state_type, &document, 0);
    assert_string_equal(text,
        "{\"ociVersion\":\"1.3.0\",\"id\":\"x\",\"status\":\"creating\",\"pid\":7,"
        "\"bundle\":\"/b\"}");
}

static int decode(const char *text, Error *err) {
    OciSpec spec;
    int r = json_decode(&oci_spec_type, text, strlen(text), &spec, err);
    if (r >= 0) {
        r = config_check(&spec, err);
        json_done(&oci_spec_type, &spec);
    }
    return r;
}

static void wrong_types_name_their_place(void **state) {
    static const char *const rows[][2] = {
        {"{\"ociVersion\":\"1.0.0\",\"process\":{\"rlimits\":[{\"type\":\"x\",\"hard\":-1,\"soft\":1}]}}",
            "process.rlimits[0].hard: expected a non-negative integer"},
        {"{\"ociVersion\":\"1.0.0\",\"linux\":{\"seccomp\":{\"defaultAction\":\"x\",\"syscalls\":"
         "[{\"names\":[\"a\"],\"action\":\"x\",\"args\":[{\"index\":0,\"value\":\"1\",\"op\":\"x\"}]}]}}}",
            "linux.seccomp.syscalls[0].args[0].value: expected a non-negative integer"},
        {"{}", "ociVersion: expected a value"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Error err = {};
        assert_failed(decode(rows[i][0], &err), err, ERROR_INVALID, rows[i][1]);
    }
}

static void meaning_is_checked_after_types(void **state) {
    Error err = {};
    assert_int_equal(decode("{\"ociVersion\":\"2.0.0\"}", &err), ERROR_INVALID);
    assert_string_equal(err.message, "config.json: ociVersion: expected 1.x");
    const char *text =
        "{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"r\"},\"linux\":{},"
        "\"process\":{\"args\":[\"x\"],\"cwd\":\"/\",\"user\":{\"uid\":4294967295}}}";
    assert_failed(decode(text, &err), err, ERROR_INVALID,
        "config.json: process.user.uid: expected a number up to 4294967294");
}

int main(void) {
    const struct CMUnitTest tests[] = {TEST(example_comes_back_as_it_was),
        TEST(values_are_where_they_belong), TEST(state_has_what_hooks_expect),
        TEST(wrong_types_name_their_place), TEST(meaning_is_checked_after_types)};
    return RUN(tests);
}
