// SPDX-License-Identifier: Apache-2.0
#include "engine/container/failure.h"

#include <string.h>

#include "base/memory.h"
#include "base/text.h"

static const struct {
    const char *words, *reason;
} rows[] = {
    {"executable file not found in $PATH", "COMMAND_NOT_FOUND"},
    {"executable file `", "COMMAND_NOT_FOUND"}, /* crun */
    {"no such file or directory", "COMMAND_NOT_FOUND"},
    {"permission denied", "COMMAND_NOT_EXECUTABLE"},
    {"is a directory", "COMMAND_NOT_EXECUTABLE"},
    {"exec format error", "COMMAND_NOT_EXECUTABLE"},
};

/* Only text about exec: a missing mount source is "no such file or directory", too. */
void command_failure_classify(Error *err) {
    const char *about = strstr(err->message, "exec: ");
    if (!about)
        about = strstr(err->message, "executable file `");
    if (*err->reason || !about)
        return;
    for (size_t i = 0; i < array_size(rows); i++) {
        if (strcasestr(about, rows[i].words)) {
            error_set_reason(err, rows[i].reason);
            return;
        }
    }
}

int command_failure_exit_code(const Error *err) {
    if (text_equal(err->reason, "COMMAND_NOT_FOUND"))
        return 127;
    return text_equal(err->reason, "COMMAND_NOT_EXECUTABLE") ? 126 : 128;
}
