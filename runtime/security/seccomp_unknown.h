// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "runtime/security/seccomp.h"

/* System calls that are newer than a profile. A profile that denies by default would answer them
 * with EPERM, and a C library that tries a new call first would not fall back to the old one as it
 * does on ENOSYS. So calls with numbers beyond every one that the profile names get ENOSYS, by
 * instructions in front of the filter. */
typedef struct SeccompKnown {
    uint32_t arch; /* AUDIT_ARCH_* */
    uint32_t last; /* the highest number that the profile names */
} SeccompKnown;

/* Replaces seccomp->program. Where it would grow beyond what the kernel takes it stays as it is. */
void seccomp_answer_unknown(Seccomp *seccomp, const SeccompKnown *known, size_t n);
