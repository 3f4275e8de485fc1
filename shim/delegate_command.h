// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/error.h"
#include "shim/delegate.h"

/* The start and delete commands of another project's shim, as containerd runs them in the bundle.
 */
typedef struct DelegateAnswer {
    char *address; /* path of a ttrpc socket */
    int version;   /* of the Task service: 2 or 3 */
} DelegateAnswer;

/* ERROR_UNSUPPORTED: it speaks neither ttrpc nor a version that we know. */
int delegate_command_start(const DelegateOptions *with, DelegateAnswer *ret, Error *err);

/* Ends what is left of its container. *ret_exit_code is what it says of init. */
int delegate_command_delete(const DelegateOptions *with, int *ret_exit_code, Error *err);

/* What start printed: protobuf (containerd 2.3), JSON (1.7), or the address alone. */
int delegate_answer_decode(const char *bytes, size_t n, DelegateAnswer *ret, Error *err);
