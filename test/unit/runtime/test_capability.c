// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "runtime/security/capability.h"
#include "test.h"

static void bits_are_the_kernels(void **state) {
    OciCapabilities config = {};
    json_texts_add(&config.bounding, "CAP_CHOWN");
    json_texts_add(&config.bounding, "CAP_CHECKPOINT_RESTORE");
    json_texts_add(&config.ambient, "cap_sys_admin");
    Capabilities sets;
    capabilities_parse(&config, &sets);
    assert_true(sets.bounding == (UINT64_C(1) | UINT64_C(1) << 40));
    assert_true(sets.ambient == UINT64_C(1) << 21);
    assert_true(sets.effective == 0 && sets.permitted == 0 && sets.inheritable == 0);
    texts_free(config.bounding.item);
    texts_free(config.ambient.item);
}

static void nothing_means_no_capabilities(void **state) {
    Capabilities sets = {.bounding = 1};
    capabilities_parse(NULL, &sets);
    assert_true(sets.bounding == 0);
}

static void unknown_names_are_left_out_with_one_warning(void **state) {
    int ends[2];
    char line[256] = "";
    OciCapabilities config = {};
    json_texts_add(&config.permitted, "CAP_KILL");
    json_texts_add(&config.permitted, "KILL");
    json_texts_add(&config.bounding, "CAP_NONE");
    json_texts_add(&config.bounding, "KILL");
    Capabilities sets;
    assert_int_equal(pipe(ends), 0);
    log_configure("test", ends[1], LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
    capabilities_parse(&config, &sets);
    assert_true(read(ends[0], line, sizeof line - 1) > 0);
    assert_string_equal(
        line, "test: warning: ignoring unknown or unavailable capabilities: [CAP_NONE KILL]\n");
    assert_true(sets.permitted == UINT64_C(1) << 5 && sets.bounding == 0);
    texts_free(config.permitted.item);
    texts_free(config.bounding.item);
    close(ends[0]);
    close(ends[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {TEST(bits_are_the_kernels),
        TEST(nothing_means_no_capabilities), TEST(unknown_names_are_left_out_with_one_warning)};
    return RUN(tests);
}
