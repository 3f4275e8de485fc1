// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/container/container.h"
#include "output/reader.h"

/* Reading what a container wrote. Blocks; following ends when the container has stopped and all is
 * read, when `cancel_fd` is readable, or when the sink returns a negative value, which is passed
 * on. */
typedef struct ContainerLogs {
    bool follow, wants_stdout, wants_stderr;
    bool has_tail;
    uint64_t tail;
    int64_t since, until; /* ns; 0: none */
    int cancel_fd;
    /* line NULL: there is no more at the moment */
    int (*sink)(void *user, const OutputLine *line, Error *err);
    void *user;
} ContainerLogs;

int container_logs(
    Containers *containers, const char *reference, const ContainerLogs *logs, Error *err);
