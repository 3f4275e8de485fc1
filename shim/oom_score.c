// SPDX-License-Identifier: Apache-2.0
#include "shim/oom_score.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/text.h"

enum {
    SCORE_MAX = 1000 /* proc_pid_oom_score_adj(5) */
};

int oom_score_raise(pid_t pid, Error *err) {
    autodone(Text) text = {};
    autofree char *of_caller = text_format("/proc/%d/oom_score_adj", (int)getppid());
    autofree char *of_server = text_format("/proc/%d/oom_score_adj", (int)pid);
    TRY(file_read(AT_FDCWD, of_caller, 32, &text, err));
    long score = strtol(text.data, NULL, 10);
    autofree char *value = text_format("%ld", score < SCORE_MAX ? score + 1 : SCORE_MAX);
    return file_write_kernel(AT_FDCWD, of_server, value, err);
}
