// SPDX-License-Identifier: Apache-2.0
#include "runtime/security/seccomp_unknown.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* Calls of the x32 ABI share x86-64's architecture and have this bit. */
#define X32_BIT 0x40000000u

enum {
    BLOCK_SIZE = 7
};

/* One architecture:
 *
 *     load architecture;  another one → next block
 *     load number;        x32 → filter;  beyond last → ENOSYS, else filter
 */
static size_t write_block(struct sock_filter *out, const SeccompKnown *known, size_t rest) {
    const struct sock_filter block[BLOCK_SIZE] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, known->arch, 0, BLOCK_SIZE - 2),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, known->last, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_JMP | BPF_JA, (uint32_t)rest),
    };
    memcpy(out, block, sizeof block);
    return BLOCK_SIZE;
}

void seccomp_answer_unknown(Seccomp *seccomp, const SeccompKnown *known, size_t n) {
    size_t length = seccomp->length + n * BLOCK_SIZE, at = 0;
    if (length > BPF_MAXINSNS)
        return;
    struct sock_filter *program = memory_new_array(length, sizeof *program);
    for (size_t i = 0; i < n; i++)
        at += write_block(program + at, &known[i], (n - i - 1) * BLOCK_SIZE);
    memcpy(program + at, seccomp->program, seccomp->length * sizeof *program);
    free(seccomp->program);
    seccomp->program = program;
    seccomp->length = (uint16_t)length;
}
