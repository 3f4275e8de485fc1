// SPDX-License-Identifier: Apache-2.0
#include "runtime/security/seccomp.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "runtime/security/seccomp_cache.h"
#include "runtime/security/seccomp_unknown.h"
#include "version.h"

#define BPF_DATA "run.oci.seccomp_bpf_data"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

enum {
    PROGRAM_MAX = 4096 * 8
}; /* BPF_MAXINSNS instructions of 8 bytes */

static const struct {
    const char *name;
    uint32_t action; /* for ERRNO and TRACE the errno is or-ed in */
} actions[] = {
    {"SCMP_ACT_ALLOW", SCMP_ACT_ALLOW},
    {"SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(0)},
    {"SCMP_ACT_KILL", SCMP_ACT_KILL},
    {"SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS},
    {"SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD},
    {"SCMP_ACT_LOG", SCMP_ACT_LOG},
    {"SCMP_ACT_NOTIFY", SCMP_ACT_NOTIFY},
    {"SCMP_ACT_TRACE", SCMP_ACT_TRACE(0)},
    {"SCMP_ACT_TRAP", SCMP_ACT_TRAP},
};
const char *const seccomp_action_names[] = {"SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_KILL",
    "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_LOG", "SCMP_ACT_NOTIFY",
    "SCMP_ACT_TRACE", "SCMP_ACT_TRAP", NULL};

static const enum scmp_compare operators[] = {SCMP_CMP_EQ, SCMP_CMP_GE, SCMP_CMP_GT, SCMP_CMP_LE,
    SCMP_CMP_LT, SCMP_CMP_MASKED_EQ, SCMP_CMP_NE};
const char *const seccomp_operator_names[] = {"SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT",
    "SCMP_CMP_LE", "SCMP_CMP_LT", "SCMP_CMP_MASKED_EQ", "SCMP_CMP_NE", NULL};

const char *const seccomp_arch_names[] = {"SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM",
    "SCMP_ARCH_LOONGARCH64", "SCMP_ARCH_M68K", "SCMP_ARCH_MIPS", "SCMP_ARCH_MIPS64",
    "SCMP_ARCH_MIPS64N32", "SCMP_ARCH_MIPSEL", "SCMP_ARCH_MIPSEL64", "SCMP_ARCH_MIPSEL64N32",
    "SCMP_ARCH_PARISC", "SCMP_ARCH_PARISC64", "SCMP_ARCH_PPC", "SCMP_ARCH_PPC64",
    "SCMP_ARCH_PPC64LE", "SCMP_ARCH_RISCV64", "SCMP_ARCH_S390", "SCMP_ARCH_S390X", "SCMP_ARCH_SH",
    "SCMP_ARCH_SHEB", "SCMP_ARCH_X32", "SCMP_ARCH_X86", "SCMP_ARCH_X86_64", NULL};

/* TSYNC says nothing for the only thread of a process; with a listener the kernel refuses it. */
static const unsigned flag_values[] = {SECCOMP_FILTER_FLAG_LOG, SECCOMP_FILTER_FLAG_SPEC_ALLOW, 0,
    SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV};
const char *const seccomp_flag_names[] = {"SECCOMP_FILTER_FLAG_LOG",
    "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_TSYNC",
    "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", NULL};

static int index_of(const char *const *names, const char *name) {
    for (int i = 0; names[i]; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

static int parse_action(
    const char *name, const JsonUint *error, const char *field, uint32_t *ret, Error *err) {
    int i = index_of(seccomp_action_names, name);
    if (i < 0)
        return error_set(err, ERROR_INVALID, "%s: unknown action \"%s\"", field, name);
    *ret = actions[i].action;
    bool takes_errno = *ret == SCMP_ACT_ERRNO(0) || *ret == SCMP_ACT_TRACE(0);
    if (takes_errno)
        *ret |= error->set ? (uint32_t)(error->value & 0xffff) : EPERM;
    return 0;
}

/* "SCMP_ARCH_X86_64" is the library's "x86_64"; 0: unknown. */
static uint32_t arch_of(const char *name) {
    if (index_of(seccomp_arch_names, name) < 0)
        return 0;
    autofree char *lower = text_copy(name + strlen("SCMP_ARCH_"));
    for (char *c = lower; *c; c++)
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c + 32) : *c;
    return seccomp_arch_resolve_name(lower);
}

static int add_arch(scmp_filter_ctx filter, const char *name, Error *err) {
    if (index_of(seccomp_arch_names, name) < 0)
        return error_set(err, ERROR_INVALID, "linux.seccomp.architectures: unknown \"%s\"", name);
    uint32_t arch = arch_of(name);
    if (!arch) { /* newer than the library: calls of it meet the action for foreign ones, kill */
        log_debug("seccomp architecture \"%s\" is unknown to libseccomp", name);
        return 0;
    }
    int r = seccomp_arch_add(filter, arch);
    if (r < 0 && r != -EEXIST)
        return error_set_errno(err, -r, "linux.seccomp.architectures: cannot add \"%s\"", name);
    return 0;
}

static int parse_arg(const OciSeccompArg *config, struct scmp_arg_cmp *ret, Error *err) {
    int op = index_of(seccomp_operator_names, config->op);
    if (op < 0)
        return error_set(err, ERROR_INVALID, "op: unknown operator \"%s\"", config->op);
    if (config->index.value > 5)
        return error_set(err, ERROR_INVALID, "index: a system call has arguments 0 to 5");
    bool masked = operators[op] == SCMP_CMP_MASKED_EQ;
    *ret = (struct scmp_arg_cmp){.arg = (unsigned)config->index.value,
        .op = operators[op],
        .datum_a = config->value.value,
        .datum_b = masked ? config->value_two.value : 0};
    return 0;
}

static int add_one(scmp_filter_ctx filter, uint32_t action, int number, unsigned n,
    const struct scmp_arg_cmp *args, Error *err) {
    int r = seccomp_rule_add_array(filter, action, number, n, args);
    if (r < 0 && r != -EEXIST)
        return error_set_errno(err, -r, "cannot add a rule");
    return 0;
}

/* Conditions on the same argument cannot be joined by the library: each becomes a rule of its own,
 * as the reference runtime does. */
static int add_call(
    scmp_filter_ctx filter, uint32_t action, int number, const JsonObjects *config, Error *err) {
    const OciSeccompArg *arg = config->item;
    struct scmp_arg_cmp parsed[6];
    unsigned count[6] = {};
    bool repeated = false;
    if (config->n > 6)
        return error_set(err, ERROR_INVALID, "args: more than 6");
    for (size_t i = 0; i < config->n; i++) {
        TRY(parse_arg(&arg[i], &parsed[i], err));
        repeated = repeated || count[parsed[i].arg]++;
    }
    if (!repeated)
        return add_one(filter, action, number, (unsigned)config->n, parsed, err);
    for (size_t i = 0; i < config->n; i++)
        TRY(add_one(filter, action, number, 1, &parsed[i], err));
    return 0;
}

static int add_rule(
    scmp_filter_ctx filter, const OciSeccompRule *rule, uint32_t standard, size_t i, Error *err) {
    uint32_t action;
    autofree char *field = text_format("linux.seccomp.syscalls[%zu]", i);
    TRY(parse_action(rule->action, &rule->errno_ret, field, &action, err));
    if (action == standard)
        return 0; /* the library refuses rules that change nothing */
    for (size_t n = 0; n < rule->names.n; n++) {
        int number = seccomp_syscall_resolve_name(rule->names.item[n]);
        if (number == __NR_SCMP_ERROR) {
            log_debug("unknown seccomp syscall \"%s\" ignored", rule->names.item[n]);
            continue; /* newer than the library, or of another architecture */
        }
        if (add_call(filter, action, number, &rule->args, err) < 0)
            return error_prefix(err, "%s (%s)", field, rule->names.item[n]);
    }
    return 0;
}

static int fill(scmp_filter_ctx filter, const OciSeccomp *config, uint32_t standard, Error *err) {
    const OciSeccompRule *rule = config->syscalls.item;
    for (size_t i = 0; i < config->architectures.n; i++)
        TRY(add_arch(filter, config->architectures.item[i], err));
    if (seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0) < 0 ||
        seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2) < 0)
        return error_set(err, ERROR_INTERNAL, "cannot set up libseccomp");
    for (size_t i = 0; i < config->syscalls.n; i++)
        TRY(add_rule(filter, &rule[i], standard, i, err));
    return 0;
}

static int export_program(scmp_filter_ctx filter, Seccomp *ret, Error *err) {
    autoclose int memory = memfd_create("seccomp", MFD_CLOEXEC);
    autodone(Text) bytes = {};
    if (memory < 0)
        return error_set_errno(err, errno, "cannot make a memory file");
    int r = seccomp_export_bpf(filter, memory);
    if (r < 0)
        return error_set_errno(err, -r, "cannot compile the seccomp filter");
    if (lseek(memory, 0, SEEK_SET) < 0)
        return error_set_errno(err, errno, "cannot read the seccomp filter");
    TRY(fd_read_all(memory, PROGRAM_MAX, &bytes, err));
    ret->length = (uint16_t)(bytes.length / sizeof *ret->program);
    ret->program = memory_copy(bytes.data, bytes.length);
    return 0;
}

static bool is_permissive(uint32_t action) {
    return action == SCMP_ACT_ALLOW || action == SCMP_ACT_LOG;
}

/* The last number of each architecture that the filter has, by the names of its rules. */
static uint32_t last_number(const OciSeccomp *config, uint32_t arch) {
    const OciSeccompRule *rule = config->syscalls.item;
    int last = -1;
    for (size_t i = 0; i < config->syscalls.n; i++)
        for (size_t n = 0; n < rule[i].names.n; n++) {
            int number = seccomp_syscall_resolve_name_arch(arch, rule[i].names.item[n]);
            last = number > last ? number : last;
        }
    return last < 0 ? UINT32_MAX : (uint32_t)last;
}

static void answer_unknown(const OciSeccomp *config, uint32_t standard, Seccomp *ret) {
    SeccompKnown known[32] = {{seccomp_arch_native(), 0}};
    size_t n = 1;
    if (is_permissive(standard) || standard == SCMP_ACT_ERRNO(ENOSYS) || !config->syscalls.n)
        return;
    for (size_t i = 0; i < config->architectures.n && n < array_size(known); i++) {
        uint32_t arch = arch_of(config->architectures.item[i]);
        if (arch && arch != known[0].arch && arch != SCMP_ARCH_X32)
            known[n++].arch = arch;
    }
    for (size_t i = 0; i < n; i++)
        known[i].last = last_number(config, known[i].arch);
    seccomp_answer_unknown(ret, known, n);
}

static int parse_flags(const OciSeccomp *config, unsigned *ret, Error *err) {
    /* absent is not empty: the reference runtime then leaves speculation to the program */
    *ret = config->flags.item ? 0 : SECCOMP_FILTER_FLAG_SPEC_ALLOW;
    for (size_t i = 0; i < config->flags.n; i++) {
        int flag = index_of(seccomp_flag_names, config->flags.item[i]);
        if (flag < 0)
            return error_set(err, ERROR_INVALID, "linux.seccomp.flags[%zu]: unknown flag \"%s\"", i,
                config->flags.item[i]);
        *ret |= flag_values[flag];
    }
    return 0;
}

/* Init tells the runtime with write(2) which descriptor the agent gets: held up, nobody would
 * answer. The default action is as bad, and the kernel's own way to start a program needs calls,
 * too. */
static int check_notify(const OciSeccomp *config, Seccomp *ret, Error *err) {
    const OciSeccompRule *rule = config->syscalls.item;
    if (strcmp(config->default_action, "SCMP_ACT_NOTIFY") == 0)
        return error_set(err, ERROR_INVALID,
            "linux.seccomp.defaultAction: SCMP_ACT_NOTIFY cannot be used as default action");
    for (size_t i = 0; i < config->syscalls.n; i++) {
        if (strcmp(rule[i].action, "SCMP_ACT_NOTIFY") != 0)
            continue;
        ret->notifies = true;
        for (size_t n = 0; n < rule[i].names.n; n++)
            if (strcmp(rule[i].names.item[n], "write") == 0)
                return error_set(err, ERROR_INVALID,
                    "linux.seccomp.syscalls[%zu]: SCMP_ACT_NOTIFY cannot be used for the write "
                    "syscall",
                    i);
    }
    if (ret->notifies && text_is_empty(config->listener_path))
        return error_set(
            err, ERROR_INVALID, "linux.seccomp.listenerPath: SCMP_ACT_NOTIFY needs one");
    if (ret->notifies)
        ret->flags |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
    return 0;
}

int seccomp_connect_agent(const OciSeccomp *config, int *ret_socket, Error *err) {
    if (fd_connect(config->listener_path, ret_socket, err) < 0)
        return error_prefix(err, "linux.seccomp.listenerPath: failed to connect with seccomp agent "
                                 "specified in the seccomp profile");
    return 0;
}

int seccomp_check_names(const OciSeccomp *config, Error *err) {
    const OciSeccompRule *rule = config ? config->syscalls.item : NULL;
    for (size_t i = 0; config && i < config->syscalls.n; i++)
        for (size_t n = 0; n < rule[i].names.n; n++)
            if (seccomp_syscall_resolve_name(rule[i].names.item[n]) == __NR_SCMP_ERROR)
                return error_set(err, ERROR_INVALID,
                    "linux.seccomp.syscalls[%zu].names[%zu]: unknown system call \"%s\"", i, n,
                    rule[i].names.item[n]);
    return 0;
}

/* Whatever decides how the program comes out. */
static char *cache_key(const OciSeccomp *config) {
    autofree char *text = json_encode(&oci_seccomp_type, config, 0);
    return text_format("tare %s %s, libseccomp %s\n%s", TARE_VERSION, TARE_COMMIT,
        seccomp_library_version(), text);
}

int seccomp_compile(const OciSeccomp *config, const char *root, Seccomp *ret, Error *err) {
    uint32_t standard;
    *ret = (Seccomp){};
    if (!config)
        return 0;
    TRY(parse_action(config->default_action, &config->default_errno_ret,
        "linux.seccomp.defaultAction", &standard, err));
    TRY(parse_flags(config, &ret->flags, err));
    TRY(check_notify(config, ret, err));
    log_debug("seccomp filter flags: %u", ret->flags);
    autofree char *key = cache_key(config);
    if (seccomp_cache_load(root, key, ret))
        return 0;
    scmp_filter_ctx filter = seccomp_init(standard);
    if (!filter)
        return error_set(err, ERROR_INVALID, "linux.seccomp.defaultAction: cannot be \"%s\"",
            config->default_action);
    int r = fill(filter, config, standard, err);
    if (r >= 0)
        r = export_program(filter, ret, err);
    seccomp_release(filter);
    if (r >= 0)
        answer_unknown(config, standard, ret);
    if (r >= 0)
        seccomp_cache_save(root, key, ret);
    return r;
}

static int decode_program(const char *base64, Seccomp *ret, Error *err) {
    autodone(Text) bytes = {};
    bool decoded = base64_decode(base64, strlen(base64), &bytes);
    size_t n = bytes.length / sizeof *ret->program;
    if (!decoded || !n || n > BPF_MAXINSNS || bytes.length % sizeof *ret->program)
        return error_set(err, ERROR_INVALID,
            "annotation " BPF_DATA ": expected a seccomp filter for the kernel, in base64");
    *ret = (Seccomp){.program = memory_copy(bytes.data, bytes.length), .length = (uint16_t)n};
    return 0;
}

int seccomp_of_spec(const OciSpec *spec, const char *root, Seccomp *ret, Error *err) {
    const char *data = json_map_find(&spec->annotations, BPF_DATA);
    return data ? decode_program(data, ret, err)
                : seccomp_compile(spec->linux->seccomp, root, ret, err);
}

int seccomp_install(const Seccomp *seccomp, int *ret_listener, Error *err) {
    struct sock_fprog program = {.len = seccomp->length, .filter = seccomp->program};
    *ret_listener = -1;
    if (!seccomp->program)
        return 0;
    long fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, seccomp->flags, &program);
    if (fd < 0)
        return error_set_errno(err, errno, "cannot load the seccomp filter");
    if (seccomp->flags & SECCOMP_FILTER_FLAG_NEW_LISTENER)
        *ret_listener = (int)fd;
    return 0;
}

void seccomp_done(Seccomp *seccomp) {
    free(seccomp->program);
    *seccomp = (Seccomp){};
}

const char *seccomp_library_version(void) {
    static char text[32];
    const struct scmp_version *version = seccomp_version();
    snprintf(text, sizeof text, "%u.%u.%u", version->major, version->minor, version->micro);
    return text;
}
