// SPDX-License-Identifier: Apache-2.0
#include "engine/image/platform.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/memory.h"
#include "base/text.h"

/* uname(2) and users on the left, Go's GOARCH and variants on the right. */
static const struct {
    const char *name, *architecture, *variant;
} architectures[] = {
    {"x86_64", "amd64", ""},
    {"x86-64", "amd64", ""},
    {"aarch64", "arm64", "v8"},
    {"arm64", "arm64", "v8"},
    {"armv7l", "arm", "v7"},
    {"armhf", "arm", "v7"},
    {"armv6l", "arm", "v6"},
    {"armel", "arm", "v6"},
    {"arm", "arm", "v7"},
    {"i386", "386", ""},
    {"i686", "386", ""},
    {"riscv64", "riscv64", ""},
    {"ppc64le", "ppc64le", ""},
    {"s390x", "s390x", ""},
    {"loongarch64", "loong64", ""},
};

static void set(char field[32], const char *value) {
    snprintf(field, 32, "%s", value);
}

static void set_architecture(Platform *platform, const char *name) {
    set(platform->architecture, name);
    platform->variant[0] = '\0';
    for (size_t i = 0; i < array_size(architectures); i++)
        if (strcmp(architectures[i].name, name) == 0) {
            set(platform->architecture, architectures[i].architecture);
            set(platform->variant, architectures[i].variant);
        }
}

static void this_machine(Platform *ret) {
    struct utsname name;
    uname(&name);
    set(ret->os, "linux");
    set_architecture(ret, name.machine);
}

static int check(const char *text, char *const *part, size_t n, Error *err) {
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    bool good = n >= 1 && n <= 3;
    for (size_t i = 0; good && i < n; i++)
        good = part[i][0] && strlen(part[i]) < 32 && strspn(part[i], allowed) == strlen(part[i]);
    return good ? 0 : error_set(err, ERROR_INVALID, "invalid platform '%.100s'", text);
}

int platform_parse(const char *text, Platform *ret, Error *err) {
    Platform platform;
    this_machine(&platform);
    if (!text_is_empty(text)) {
        autotexts char **part = texts_split(text, '/');
        size_t n = texts_count(part);
        TRY(check(text, part, n, err));
        if (n > 1 || strcmp(part[0], "linux") == 0)
            set(platform.os, part[0]);
        if (n > 1 || strcmp(part[0], "linux") != 0)
            set_architecture(&platform, part[n > 1 ? 1 : 0]);
        if (n > 2)
            set(platform.variant, part[2]);
    }
    *ret = platform;
    return 0;
}

bool platform_suits(const Platform *platform, const char *os, const char *architecture) {
    return (text_is_empty(os) || strcmp(platform->os, os) == 0) &&
           (text_is_empty(architecture) || strcmp(platform->architecture, architecture) == 0);
}

/* 0: does not run here; more is better. A 32-bit ARM runs what is made for older ones. */
static int score(const Platform *platform, const OciPlatform *offered) {
    if (!offered || text_is_empty(offered->os) || text_is_empty(offered->architecture) ||
        !platform_suits(platform, offered->os, offered->architecture))
        return 0;
    const char *variant = offered->variant ? offered->variant : "";
    if (strcmp(variant, platform->variant) == 0)
        return 100;
    if (strcmp(platform->architecture, "arm64") == 0)
        return !*variant || strcmp(variant, "v8") == 0 ? 99 : 0;
    if (!*variant)
        return 50;
    if (strcmp(platform->architecture, "arm") == 0)
        return strcmp(variant, platform->variant) < 0 ? 10 + variant[1] - '0' : 0;
    return strcmp(variant, "v1") == 0 ? 40 : 0;
}

const OciDescriptor *platform_choose(const Platform *platform, const OciIndex *index) {
    const OciDescriptor *best = NULL;
    int best_score = 0;
    for (size_t i = 0; i < index->manifests.n; i++) {
        const OciDescriptor *each = (const OciDescriptor *)index->manifests.item + i;
        int s = score(platform, each->platform);
        if (s > best_score) {
            best = each;
            best_score = s;
        }
    }
    /* Loaded layouts name no platform when there is nothing to choose. */
    const OciDescriptor *only = index->manifests.item;
    if (!best && index->manifests.n == 1 && (!only->platform || !only->platform->architecture))
        best = only;
    return best;
}

const char *platform_format(const Platform *platform, char buffer[PLATFORM_TEXT_SIZE]) {
    snprintf(buffer, PLATFORM_TEXT_SIZE, "%s/%s%s%s", platform->os, platform->architecture,
        platform->variant[0] ? "/" : "", platform->variant);
    return buffer;
}
