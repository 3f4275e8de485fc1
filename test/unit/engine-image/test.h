// SPDX-License-Identifier: Apache-2.0
#pragma once
/* cmocka's own order of includes, and a directory for one test. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/text.h"

#include <cmocka.h>

#define SUCCEEDS(call)                                                                             \
    do {                                                                                           \
        Error error_ = {};                                                                         \
        Error *err = &error_;                                                                      \
        if ((call) < 0)                                                                            \
            fail_msg("%s", error_.message);                                                        \
    } while (0)

#define FAILS(expected, words, call)                                                               \
    do {                                                                                           \
        Error error_ = {};                                                                         \
        Error *err = &error_;                                                                      \
        assert_int_equal((call), (expected));                                                      \
        if (!strstr(error_.message, (words)))                                                      \
            fail_msg("'%s' is not in '%s'", (words), error_.message);                              \
    } while (0)

static inline int make_directory(void **state) {
    char *path = text_copy("/tmp/tare-unit.XXXXXX");
    *state = mkdtemp(path);
    return *state ? 0 : -1;
}

static inline int remove_directory(void **state) {
    Error error;
    int code = file_remove_tree(AT_FDCWD, *state, &error);
    free(*state);
    return code;
}

#define WITH_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, make_directory, remove_directory)
