// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "bootstrap/answer.h"
#include "shim/shim.h"

/* How containerd and `start` talk. Three generations: up to 1.7, options on standard input and the
 * bare address as the answer; JSON, for those that set MAX_SHIM_VERSION to 3; from 2.3 on,
 * BootstrapParams and BootstrapResult in protobuf. Each is told our version in its own way: to the
 * first it is 2, with the rest it is 3, and containerd then asks the shim of a pod directly to
 * create the further containers. */
typedef struct Bootstrap {
    BootstrapForm form;
    bool debug;
    char *address, *publish_binary; /* NULL or "": none */
    char *socket_directory;         /* NULL: ours */
    char *cgroup;                   /* for the shim itself; NULL: the caller's */
} Bootstrap;

/* Reads standard input, unless -socket says that the caller is not containerd. containerd's ttrpc
 * address goes into the environment, where older ones put it themselves. */
int bootstrap_read(const ShimArguments *arguments, Bootstrap *ret, Error *err);
int bootstrap_answer(const Bootstrap *bootstrap, const char *socket, Error *err);
void bootstrap_done(Bootstrap *bootstrap);
CLEANUP_DEFINE_DONE(Bootstrap, bootstrap_done)
