// SPDX-License-Identifier: Apache-2.0
#include "engine/image/platform.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/memory.h"
#include "base/text.h"

/* uname(2) and users on the left, Go's GOARCH and variants on the right. The variant that all of an
 * architecture are is not named: v8 of arm64, v1 of amd64. */
static const struct {
    const char *name, *architecture, *variant;
} architectures[] = {
    {"x86_64", "amd64", ""},
    {"x86-64", "amd64", ""},
    {"aarch64", "arm64", ""},
    {"armv7l", "arm", "v7"},
    {"armhf", "arm", "v7"},
    {"armv6l", "arm", "v6"},
    {"armel", "arm", "v6"},
    {"arm", "arm", "v7"},
    {"i386", "386", ""},
    {"i686", "386", ""},
    {"loongarch64", "loong64", ""},
};

/* What Go has, so what an image can be for. */
static const char *const known_architectures[] = {"386", "amd64", "amd64p32", "arm", "arm64",
    "arm64be", "armbe", "loong64", "mips", "mips64", "mips64le", "mips64p32", "mips64p32le",
    "mipsle", "ppc", "ppc64", "ppc64le", "riscv", "riscv64", "s390", "s390x", "sparc", "sparc64",
    "wasm"};
static const char *const known_systems[] = {"aix", "android", "darwin", "dragonfly", "freebsd",
    "hurd", "illumos", "ios", "js", "linux", "nacl", "netbsd", "openbsd", "plan9", "solaris",
    "windows", "zos"};

static void set(char field[32], const char *value) {
    snprintf(field, 32, "%s", value);
}

static bool is_among(const char *const *names, size_t n, const char *name) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
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

static void set_variant(Platform *platform, const char *variant) {
    bool implied = (strcmp(platform->architecture, "arm64") == 0 && strcmp(variant, "v8") == 0) ||
                   (strcmp(platform->architecture, "amd64") == 0 && strcmp(variant, "v1") == 0);
    set(platform->variant, implied ? "" : variant);
}

static int check(const char *text, char *const *part, size_t n, Error *err) {
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    bool good = n >= 1 && n <= 3;
    for (size_t i = 0; good && i < n; i++)
        good = part[i][0] && strlen(part[i]) < 32 && strspn(part[i], allowed) == strlen(part[i]);
    return good
               ? 0
               : error_set(err, ERROR_INVALID, "\"%.100s\": cannot parse platform specifier", text);
}

/* One word is a system or an architecture, and the other is this machine's. */
static int set_one(Platform *platform, const char *word, Error *err) {
    if (is_among(known_systems, array_size(known_systems), word)) {
        set(platform->os, word);
        return 0;
    }
    set_architecture(platform, word);
    return is_among(known_architectures, array_size(known_architectures), platform->architecture)
               ? 0
               : error_set(err, ERROR_INVALID,
                     "\"%.100s\": unknown operating system or architecture", word);
}

int platform_parse(const char *text, Platform *ret, Error *err) {
    Platform platform;
    this_machine(&platform);
    if (!text_is_empty(text)) {
        autotexts char **part = texts_split(text, '/');
        size_t n = texts_count(part);
        TRY(check(text, part, n, err));
        if (n == 1)
            TRY(set_one(&platform, part[0], err));
        if (n > 1) {
            set(platform.os, part[0]);
            set_architecture(&platform, part[1]);
        }
        if (n > 2)
            set_variant(&platform, part[2]);
    }
    *ret = platform;
    return 0;
}

bool platform_suits(const Platform *platform, const char *os, const char *architecture) {
    return (text_is_empty(os) || strcmp(platform->os, os) == 0) &&
           (text_is_empty(architecture) || strcmp(platform->architecture, architecture) == 0);
}

int platform_check(const Platform *wanted, const char *name, const OciImage *image, Error *err) {
    char text[PLATFORM_TEXT_SIZE];
    if (platform_suits(wanted, image->os, image->architecture))
        return 0;
    error_set(err, ERROR_NOT_FOUND,
        "image%s%.200s was found but its platform (%.50s/%.50s) does not match the specified"
        " platform (%s)",
        name ? " with reference " : "", name ? name : "", image->os, image->architecture,
        platform_format(wanted, text));
    return error_set_reason(err, PLATFORM_OTHER);
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
