// SPDX-License-Identifier: Apache-2.0
#include "runtime/security/capability.h"
#include "test.h"

static void bits_are_the_kernels(void **state) {
    OciCapabilities config = {};
    json_texts_add(&config.bounding, "CAP_CHOWN");
    json_texts_add(&config.bounding, "CAP_CHECKPOINT_RESTORE");
    json_texts_add(&config.ambient, "cap_sys_admin");
    Capabilities sets;
    Error err = {};
    assert_int_equal(capabilities_parse(&config, &sets, &err), 0);
    assert_true(sets.bounding == (UINT64_C(1) | UINT64_C(1) << 40));
    assert_true(sets.ambient == UINT64_C(1) << 21);
    assert_true(sets.effective == 0 && sets.permitted == 0 && sets.inheritable == 0);
    texts_free(config.bounding.item);
    texts_free(config.ambient.item);
}

static void nothing_means_no_capabilities(void **state) {
    Capabilities sets = {.bounding = 1};
    Error err = {};
    assert_int_equal(capabilities_parse(NULL, &sets, &err), 0);
    assert_true(sets.bounding == 0);
}

static void unknown_names_are_refused(void **state) {
    OciCapabilities config = {};
    json_texts_add(&config.permitted, "CAP_KILL");
    json_texts_add(&config.permitted, "KILL");
    Capabilities sets;
    Error err = {};
    assert_failed(capabilities_parse(&config, &sets, &err), err, ERROR_INVALID,
        "process.capabilities.permitted[1]: unknown capability \"KILL\"");
    texts_free(config.permitted.item);
}

int main(void) {
    const struct CMUnitTest tests[] = {TEST(bits_are_the_kernels),
        TEST(nothing_means_no_capabilities), TEST(unknown_names_are_refused)};
    return RUN(tests);
}
