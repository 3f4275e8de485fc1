// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "oci/runtime.h"

struct sock_filter;

/* A seccomp filter, compiled from config.json by libseccomp (the only file that knows it). It is
 * built by the runtime, outside of the container's memory limit, and loaded by init. */
typedef struct Seccomp {
    struct sock_filter *program; /* NULL: no filter */
    uint16_t length;
    unsigned flags; /* SECCOMP_FILTER_FLAG_* */
    bool notifies;  /* somebody must answer at listenerPath */
} Seccomp;

/* root: the runtime's directory, which keeps what was compiled. config NULL: no filter. */
int seccomp_compile(const OciSeccomp *config, const char *root, Seccomp *ret, Error *err);

/* What linux.seccomp says; or, instead of it, a filter that somebody else has compiled, in base64
 * (crun's annotation run.oci.seccomp_bpf_data). */
int seccomp_of_spec(const OciSpec *spec, const char *root, Seccomp *ret, Error *err);

/* ERROR_INVALID names the first system call that libseccomp does not know; a filter is compiled
 * without it. */
int seccomp_check_names(const OciSeccomp *config, Error *err);

/* Into the kernel, for this process. *ret_listener: the notify descriptor, or -1. */
int seccomp_install(const Seccomp *seccomp, int *ret_listener, Error *err);

/* A connection to the agent that answers for SCMP_ACT_NOTIFY. */
int seccomp_connect_agent(const OciSeccomp *config, int *ret_socket, Error *err);
void seccomp_done(Seccomp *seccomp);

/* For `features` and `--version`. */
const char *seccomp_library_version(void);
extern const char *const seccomp_action_names[],
    *const seccomp_operator_names[], *const seccomp_arch_names[],
                                         *const seccomp_flag_names[]; /* each ends with NULL */
