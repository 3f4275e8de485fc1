// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "runtime/cgroup/limits.h"

/* v2 has no device files: a BPF program decides (kernel: Documentation/admin-guide/cgroup-v2.rst).
 * The rules are checked from the last to the first, so that the first match decides:
 *
 *     r2 = type, r3 = access, r4 = major, r5 = minor
 *     each rule:  if type, access, major or minor differ → next;  r0 = allow; exit
 *     end:        r0 = 0; exit
 */
typedef struct Program {
    struct bpf_insn *item;
    size_t n;
} Program;

static void emit(Program *p, unsigned char code, int dst, int src, short jump, int imm) {
    struct bpf_insn insn = {.code = code,
        .dst_reg = (unsigned char)dst & 0xf,
        .src_reg = (unsigned char)src & 0xf,
        .off = jump,
        .imm = imm};
    array_append(p->item, p->n, insn);
}

/* Jumps to the next rule are patched once its place is known. */
enum {
    JUMP_TO_NEXT = -1
};

static void emit_start(Program *p) {
    emit(p, BPF_LDX | BPF_W | BPF_MEM, 2, 1, 0, 0); /* access << 16 | type */
    emit(p, BPF_ALU | BPF_MOV | BPF_X, 3, 2, 0, 0);
    emit(p, BPF_ALU | BPF_AND | BPF_K, 2, 0, 0, 0xffff);
    emit(p, BPF_ALU | BPF_RSH | BPF_K, 3, 0, 0, 16);
    emit(p, BPF_LDX | BPF_W | BPF_MEM, 4, 1, 4, 0); /* major */
    emit(p, BPF_LDX | BPF_W | BPF_MEM, 5, 1, 8, 0); /* minor */
}

static int access_bits(const char *access) {
    return (strchr(access, 'r') ? BPF_DEVCG_ACC_READ : 0) |
           (strchr(access, 'w') ? BPF_DEVCG_ACC_WRITE : 0) |
           (strchr(access, 'm') ? BPF_DEVCG_ACC_MKNOD : 0);
}

static void emit_rule(Program *p, const OciDeviceRule *rule) {
    size_t start = p->n;
    char type = text_is_empty(rule->type) ? 'a' : *rule->type;
    int access = access_bits(rule->access);
    bool allow = rule->allow.value;
    if (type != 'a')
        emit(p, BPF_JMP | BPF_JNE | BPF_K, 2, 0, JUMP_TO_NEXT,
            type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
    if (access != 7 && allow) { /* all that is asked for must be in the rule */
        emit(p, BPF_ALU | BPF_MOV | BPF_X, 1, 3, 0, 0);
        emit(p, BPF_ALU | BPF_AND | BPF_K, 1, 0, 0, ~access & 7);
        emit(p, BPF_JMP | BPF_JNE | BPF_K, 1, 0, JUMP_TO_NEXT, 0);
    } else if (access != 7) { /* some of what is asked for is in the rule */
        emit(p, BPF_ALU | BPF_MOV | BPF_X, 1, 3, 0, 0);
        emit(p, BPF_ALU | BPF_AND | BPF_K, 1, 0, 0, access);
        emit(p, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, JUMP_TO_NEXT, 0);
    }
    if (type != 'a' && rule->major.set && rule->major.value >= 0)
        emit(p, BPF_JMP | BPF_JNE | BPF_K, 4, 0, JUMP_TO_NEXT, (int)rule->major.value);
    if (type != 'a' && rule->minor.set && rule->minor.value >= 0)
        emit(p, BPF_JMP | BPF_JNE | BPF_K, 5, 0, JUMP_TO_NEXT, (int)rule->minor.value);
    emit(p, BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, allow);
    emit(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
    for (size_t i = start; i < p->n; i++)
        if (p->item[i].off == JUMP_TO_NEXT)
            p->item[i].off = (short)(p->n - i - 1);
}

static bool matches_all(const OciDeviceRule *rule) {
    return (text_is_empty(rule->type) || *rule->type == 'a') && access_bits(rule->access) == 7;
}

static int load(const Program *p, Error *err) {
    union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
        .insns = (uintptr_t)p->item,
        .insn_cnt = (unsigned)p->n,
        .license = (uintptr_t) "Apache"};
    int fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof attr);
    if (fd < 0)
        return error_set_errno(err, errno, "cannot load the device filter");
    return fd;
}

static int build(Program *p, const JsonObjects *rules, Error *err) {
    const OciDeviceRule *rule = rules->item;
    char line[DEVICE_RULE_SIZE];
    emit_start(p);
    for (size_t i = limits_default_devices_n; i > 0; i--)
        emit_rule(p, &limits_default_devices[i - 1]);
    for (size_t i = rules->n; i > 0; i--) {
        if (limits_format_device(&rule[i - 1], line, err) < 0)
            return error_prefix(err, "linux.resources.devices[%zu]", i - 1);
        emit_rule(p, &rule[i - 1]);
        if (matches_all(&rule[i - 1])) /* what came after would be unreachable, which is refused */
            return 0;
    }
    emit(p, BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
    emit(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
    return 0;
}

/* A program attached to the directory (cgroup device controller). */
int limits_v2_devices(const CgroupDirectory *directory, const OciResources *resources, Error *err) {
    Program program = {};
    if (!directory || directory->fd < 0)
        return error_set(err, ERROR_UNSUPPORTED, "linux.resources.devices: no cgroup to limit");
    int r = build(&program, &resources->devices, err);
    autoclose int fd = r < 0 ? r : load(&program, err);
    free(program.item);
    if (fd < 0)
        return fd;
    union bpf_attr attr = {.target_fd = (unsigned)directory->fd,
        .attach_bpf_fd = (unsigned)fd,
        .attach_type = BPF_CGROUP_DEVICE,
        .attach_flags = BPF_F_ALLOW_MULTI};
    if (syscall(SYS_bpf, BPF_PROG_ATTACH, &attr, sizeof attr) < 0)
        return error_set_errno(err, errno, "cannot attach the device filter");
    return 0;
}
