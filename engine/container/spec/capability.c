// SPDX-License-Identifier: Apache-2.0
#include "engine/container/spec/capability.h"

#include <ctype.h>
#include <sys/prctl.h>

#include "base/memory.h"
#include "base/text.h"

/* By number, capabilities(7). */
static const char *const names[] = {"CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID",
    "KILL", "SETGID", "SETUID", "SETPCAP", "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST",
    "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT",
    "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE", "SYS_TIME",
    "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP", "MAC_OVERRIDE",
    "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
    "CHECKPOINT_RESTORE"};
enum {
    COUNT = array_size(names)
};
_Static_assert(COUNT == 41, "linux/capability.h: CAP_LAST_CAP is 40");

typedef uint64_t Set;

static const char *const defaults[] = {"CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD",
    "NET_RAW", "SETGID", "SETUID", "SETFCAP", "SETPCAP", "NET_BIND_SERVICE", "SYS_CHROOT", "KILL",
    "AUDIT_WRITE"};

static int number_of(const char *name) {
    for (int i = 0; i < COUNT; i++) {
        if (text_equal(names[i], name))
            return i;
    }
    return -1;
}

/* What a child of ours could have at all. */
static Set available(void) {
    Set set = 0;
    for (int i = 0; i < COUNT; i++) {
        if (prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 1)
            set |= UINT64_C(1) << i;
    }
    return set;
}

static int parse(const JsonTexts *texts, bool *ret_all, Set *ret, Error *err) {
    *ret = 0;
    *ret_all = false;
    for (size_t i = 0; i < texts->n; i++) {
        autofree char *name = text_copy(texts->item[i]);
        for (char *c = name; *c; c++)
            *c = (char)toupper((unsigned char)*c);
        if (text_equal(name, "ALL")) {
            *ret_all = true;
            continue;
        }
        int number = number_of(text_starts(name, "CAP_") ? name + 4 : name);
        if (number < 0)
            return error_set(err, ERROR_INVALID, "unknown capability: \"%s%s\"",
                text_starts(name, "CAP_") ? "" : "CAP_", name);
        *ret |= UINT64_C(1) << number;
    }
    return 0;
}

static int check_available(Set set, Error *err) {
    Set missing = set & ~available();
    if (!missing)
        return 0;
    return error_set(err, ERROR_INVALID,
        "capability not supported by your kernel or not available in the current environment: "
        "\"CAP_%s\"",
        names[__builtin_ctzll(missing)]);
}

static void append(JsonTexts *ret, Set set) {
    for (int i = 0; i < COUNT; i++) {
        if (!(set >> i & 1))
            continue;
        autofree char *name = text_format("CAP_%s", names[i]);
        json_texts_add(ret, name);
    }
}

int capability_choose(const CapabilityChoice *choice, JsonTexts *ret, Error *err) {
    bool add_all, drop_all;
    Set add, drop, set = 0;
    TRY(parse(choice->add, &add_all, &add, err));
    TRY(parse(choice->drop, &drop_all, &drop, err));
    if (choice->privileged) {
        append(ret, available());
        return 0;
    }
    TRY(check_available(add, err));
    for (size_t i = 0; i < array_size(defaults); i++)
        set |= UINT64_C(1) << number_of(defaults[i]);
    if (add_all)
        set = available() & ~drop;
    else if (drop_all)
        set = add;
    else
        set = (set & ~drop) | add;
    append(ret, set);
    return 0;
}
