// SPDX-License-Identifier: Apache-2.0
#include "runtime/security/remap.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"

extern const char __ehdr_start[]; /* the linker's: where the first segment was loaded */

/* Pages of the program, from a program header. */
typedef struct Pages {
    char *start;
    size_t length;
    off_t offset;
} Pages;

static Pages pages_of(const ElfW(Phdr) * header, size_t length, uintptr_t bias) {
    uintptr_t page = (uintptr_t)getpagesize() - 1, start = bias + header->p_vaddr;
    uintptr_t end = (start + length + page) & ~page;
    return (Pages){(char *)(start & ~page), end - (start & ~page),
        (off_t)(header->p_offset & ~(ElfW(Off))page)};
}

static bool map_again(const Pages *pages, unsigned flags, int file) {
    int protection = PROT_READ | (flags & PF_X ? PROT_EXEC : 0);
    return mmap(pages->start, pages->length, protection, MAP_PRIVATE | MAP_FIXED, file,
               pages->offset) == pages->start;
}

/* Not memcpy(): a sanitizer would object to the space between variables. */
__attribute__((no_sanitize("address"))) static void copy_words(
    uint64_t *to, const uint64_t *from, size_t n) {
    for (size_t i = 0; i < n; i++)
        to[i] = from[i];
}

/* Variables become memory without a file. Nothing may change between the copy and the move. */
static bool move_variables(const Pages *pages) {
    void *copy = mmap(NULL, pages->length, PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (copy == MAP_FAILED)
        return false;
    copy_words(copy, (const uint64_t *)(const void *)pages->start, pages->length / 8);
    if (mremap(copy, pages->length, pages->length, MREMAP_MAYMOVE | MREMAP_FIXED, pages->start) ==
        pages->start)
        return true;
    munmap(copy, pages->length);
    return false;
}

/* The tables that the linker wants read-only once the program runs (-z relro). */
static bool protect_tables(const ElfW(Phdr) * header, uintptr_t bias) {
    uintptr_t page = (uintptr_t)getpagesize() - 1, start = (bias + header->p_vaddr) & ~page;
    uintptr_t end = (bias + header->p_vaddr + header->p_memsz) & ~page;
    return mprotect((void *)start, end - start, PROT_READ) == 0; // NOLINT: an address
}

static bool remap_segments(int file) {
    const ElfW(Phdr) *header = (const ElfW(Phdr) *)getauxval(AT_PHDR); // NOLINT: an address
    size_t n = getauxval(AT_PHNUM), first = 0;
    while (first < n && header[first].p_type != PT_LOAD)
        first++;
    uintptr_t bias = first < n ? (uintptr_t)__ehdr_start - header[first].p_vaddr : 0;
    bool done = first < n;
    for (size_t i = first; done && i < n; i++) {
        Pages pages = pages_of(&header[i], header[i].p_filesz, bias);
        if (header[i].p_type == PT_LOAD)
            done = header[i].p_flags & PF_W ? move_variables(&pages)
                                            : map_again(&pages, header[i].p_flags, file);
        else if (header[i].p_type == PT_GNU_RELRO)
            done = protect_tables(&header[i], bias);
    }
    return done;
}

/* proc_pid_stat(5), by field number; the command in field 2 may hold anything. */
enum {
    STAT_START_CODE = 26,
    STAT_END_CODE = 27,
    STAT_START_STACK = 28,
    STAT_START_DATA = 45,
    STAT_END_DATA = 46,
    STAT_START_BRK = 47,
    STAT_ARG_START = 48,
    STAT_ARG_END = 49,
    STAT_ENV_START = 50,
    STAT_ENV_END = 51,
    STAT_FIELDS = 52
};

static bool read_stat(uint64_t ret[STAT_FIELDS]) {
    autodone(Text) text = {};
    Error ignored;
    if (file_read(AT_FDCWD, "/proc/self/stat", 4096, &text, &ignored) < 0)
        return false;
    char *p = strrchr(text.data, ')');
    for (int field = 3; p && field < STAT_FIELDS; field++) {
        p = strchr(p + 1, ' ');
        ret[field] = p ? strtoull(p + 1, NULL, 10) : 0;
    }
    return p != NULL;
}

/* prctl(2), PR_SET_MM_MAP: all of a memory's description at once, as it is but for the file. */
bool remap_program(int file) {
    uint64_t stat[STAT_FIELDS];
    if (!remap_segments(file) || !read_stat(stat))
        return false;
    struct prctl_mm_map map = {.start_code = stat[STAT_START_CODE],
        .end_code = stat[STAT_END_CODE],
        .start_data = stat[STAT_START_DATA],
        .end_data = stat[STAT_END_DATA],
        .start_brk = stat[STAT_START_BRK],
        .brk = (uintptr_t)sbrk(0),
        .start_stack = stat[STAT_START_STACK],
        .arg_start = stat[STAT_ARG_START],
        .arg_end = stat[STAT_ARG_END],
        .env_start = stat[STAT_ENV_START],
        .env_end = stat[STAT_ENV_END],
        .exe_fd = (unsigned)file};
    return prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof map, 0) == 0;
}
