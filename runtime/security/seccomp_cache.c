// SPDX-License-Identifier: Apache-2.0
#include "runtime/security/seccomp_cache.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/text.h"

enum {
    SLOTS = 16,
    SLOT_MAX = 1 << 20,
};

/* FNV-1a. list(1) passes over names that begin with a dot. */
static char *slot_path(const char *root, const char *key) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (const char *c = key; *c; c++)
        hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
    return text_format("%s/.seccomp-%u", root, (unsigned)(hash % SLOTS));
}

/* A slot is the key, a NUL, and the program. */
bool seccomp_cache_load(const char *root, const char *key, Seccomp *ret) {
    autofree char *path = slot_path(root, key);
    autodone(Text) slot = {};
    Error absent;
    size_t n = strlen(key) + 1;
    if (file_read(AT_FDCWD, path, SLOT_MAX, &slot, &absent) < 0 || slot.length <= n ||
        memcmp(slot.data, key, n) != 0 || (slot.length - n) % sizeof *ret->program != 0 ||
        (slot.length - n) / sizeof *ret->program > BPF_MAXINSNS)
        return false;
    ret->length = (uint16_t)((slot.length - n) / sizeof *ret->program);
    ret->program = memory_copy(slot.data + n, slot.length - n);
    return true;
}

void seccomp_cache_save(const char *root, const char *key, const Seccomp *seccomp) {
    autofree char *path = slot_path(root, key);
    autodone(Text) slot = {};
    Error err;
    text_append_bytes(&slot, key, strlen(key) + 1);
    text_append_bytes(&slot, seccomp->program, seccomp->length * sizeof *seccomp->program);
    file_write(AT_FDCWD, path, slot.data, slot.length, 0600, false, &err);
}
