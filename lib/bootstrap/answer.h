// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stddef.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/text.h"

/* What the `start` command of a containerd shim prints. Three generations: the bare address, up to
 * containerd 1.6, which means version 2; JSON; and from 2.3 on a BootstrapResult in protobuf. */
typedef enum BootstrapForm {
    BOOTSTRAP_ADDRESS,
    BOOTSTRAP_JSON,
    BOOTSTRAP_PROTOBUF,
} BootstrapForm;

typedef struct BootstrapAnswer {
    char *address; /* path of a ttrpc socket */
    int version;   /* of the Task service: 2 or 3 */
} BootstrapAnswer;

/* In any form. ERROR_UNSUPPORTED: neither ttrpc nor a version that we know. */
int bootstrap_answer_decode(const char *bytes, size_t n, BootstrapAnswer *ret, Error *err);
void bootstrap_answer_encode(const BootstrapAnswer *answer, BootstrapForm form, Text *out);
void bootstrap_answer_done(BootstrapAnswer *answer);
CLEANUP_DEFINE_DONE(BootstrapAnswer, bootstrap_answer_done)
