// SPDX-License-Identifier: Apache-2.0
#include "runtime/security/capability.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"

const char *const capability_names[] = {"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN",
    "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT",
    "CAP_SYS_NICE", "CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD",
    "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL", "CAP_SETFCAP", "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ",
    "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE", NULL};

/* Names that nobody knows, each once, for one warning. */
static void add_unknown(JsonTexts *unknown, const char *name) {
    for (size_t i = 0; i < unknown->n; i++)
        if (strcmp(unknown->item[i], name) == 0)
            return;
    json_texts_add(unknown, name);
}

static uint64_t parse_set(const JsonTexts *names, JsonTexts *unknown) {
    uint64_t set = 0;
    for (size_t i = 0; i < names->n; i++) {
        size_t bit = 0;
        while (capability_names[bit] && strcasecmp(capability_names[bit], names->item[i]) != 0)
            bit++;
        if (capability_names[bit])
            set |= UINT64_C(1) << bit;
        else
            add_unknown(unknown, names->item[i]);
    }
    return set;
}

/* The words are those of the reference runtime, which tools look for. */
static void warn(const Capabilities *capabilities, const JsonTexts *unknown) {
    uint64_t possible = capabilities->permitted & capabilities->inheritable;
    for (size_t bit = 0; capability_names[bit]; bit++)
        if (capabilities->ambient & ~possible & UINT64_C(1) << bit)
            log_warning(
                "can't raise ambient capability %s: operation not permitted: it is not both "
                "permitted and inheritable",
                capability_names[bit]);
    if (!unknown->n)
        return;
    autofree char *names = texts_join(unknown->item, " ");
    log_warning("ignoring unknown or unavailable capabilities: [%s]", names);
}

void capabilities_parse(const OciCapabilities *config, Capabilities *ret) {
    autodone(JsonTexts) unknown = {};
    *ret = (Capabilities){};
    if (!config)
        return;
    ret->bounding = parse_set(&config->bounding, &unknown);
    ret->effective = parse_set(&config->effective, &unknown);
    ret->permitted = parse_set(&config->permitted, &unknown);
    ret->inheritable = parse_set(&config->inheritable, &unknown);
    ret->ambient = parse_set(&config->ambient, &unknown);
    warn(ret, &unknown);
}

/* Bits that the kernel has: PR_CAPBSET_READ fails beyond the last one. */
static uint64_t known_mask(void) {
    int last = (int)array_size(capability_names) - 2;
    while (last > 0 && prctl(PR_CAPBSET_READ, last, 0, 0, 0) < 0)
        last--;
    return (UINT64_C(2) << last) - 1;
}

int capabilities_drop_bounding(const Capabilities *capabilities, Error *err) {
    for (int bit = 0; bit < 64; bit++) {
        if (capabilities->bounding & (UINT64_C(1) << bit))
            continue;
        if (prctl(PR_CAPBSET_DROP, bit, 0, 0, 0) < 0) {
            if (errno == EINVAL) /* beyond the kernel's last one */
                return 0;
            return error_set_errno(
                err, errno, "cannot drop capability %d from the bounding set", bit);
        }
    }
    return 0;
}

static int own_permitted(uint64_t *ret, Error *err) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    if (syscall(SYS_capget, &header, data) < 0)
        return error_set_errno(err, errno, "cannot read our capabilities");
    *ret = data[0].permitted | (uint64_t)data[1].permitted << 32;
    return 0;
}

static int set_all(uint64_t effective, uint64_t permitted, uint64_t inheritable, Error *err) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {
        {(uint32_t)effective, (uint32_t)permitted, (uint32_t)inheritable},
        {(uint32_t)(effective >> 32), (uint32_t)(permitted >> 32), (uint32_t)(inheritable >> 32)},
    };
    if (syscall(SYS_capset, &header, data) < 0)
        return error_set_errno(err, errno, "cannot set capabilities");
    return 0;
}

int capabilities_apply(const Capabilities *capabilities, Error *err) {
    uint64_t ours = 0;
    TRY(own_permitted(&ours, err));
    /* what we do not have ourselves cannot be given: asking would fail with EPERM, as it does in
     * nested containers, where the reference runtimes leave such capabilities out */
    uint64_t mask = known_mask() & ours;
    uint64_t permitted = capabilities->permitted & mask;
    uint64_t inheritable = capabilities->inheritable & mask;
    TRY(set_all(capabilities->effective & permitted, permitted, inheritable, err));
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
        return error_set_errno(err, errno, "cannot clear the ambient capabilities");
    for (int bit = 0; bit < 64; bit++) {
        if (!(capabilities->ambient & permitted & inheritable & (UINT64_C(1) << bit)))
            continue;
        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, bit, 0, 0) < 0)
            return error_set_errno(
                err, errno, "cannot raise ambient capability %s", capability_names[bit]);
    }
    return 0;
}
