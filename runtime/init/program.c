// SPDX-License-Identifier: Apache-2.0
#include "runtime/init/program.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/text.h"
#include "runtime/init/message.h"

enum {
    HEAD_MAX = 4096,     /* where the kernel, too, looks for the first line and program headers */
    INTERPRETERS_MAX = 4 /* of interpreters, as many as the kernel follows */
};

static const char *search_path(char *const *environment) {
    for (; environment && *environment; environment++)
        if (text_starts(*environment, "PATH="))
            return *environment + strlen("PATH=");
    return "";
}

static bool refused_by_filter(int sys) {
    return sys == EPERM || sys == ENOSYS;
}

/* 0 when `path` can be executed, else its errno. A seccomp filter may be at work already, and many
 * a profile is older than faccessat2(2): then the real ids, which equal the effective ones, decide.
 */
static int executable_error(const char *path) {
    struct stat st;
    if (stat(path, &st) < 0)
        return errno;
    if (S_ISDIR(st.st_mode))
        return EISDIR;
    if (faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0)
        return 0;
    if (refused_by_filter(errno) && faccessat(AT_FDCWD, path, X_OK, 0) == 0)
        return 0;
    return refused_by_filter(errno) ? 0 : errno; /* else exec itself will tell */
}

/* Why this file may not be executed, if it is because of itself; what: "it", "its loader '/x'". */
static bool explain_denial(const char *path, const char *what, Error *err) {
    struct stat st;
    struct statvfs fs;
    if (stat(path, &st) < 0)
        return false;
    unsigned mode = st.st_mode & 07777;
    if (!S_ISREG(st.st_mode))
        error_explain(err, "%s is not a regular file", what);
    else if (statvfs(path, &fs) == 0 && fs.f_flag & ST_NOEXEC)
        error_explain(err, "%s is on a file system that is mounted noexec", what);
    else if (!(mode & 0111))
        error_explain(err, "%s has mode %04o: nobody may execute it", what, mode);
    else if (faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0)
        error_explain(err, "%s has mode %04o and belongs to %u:%u, the process to %u:%u", what,
            mode, st.st_uid, st.st_gid, geteuid(), getegid());
    else
        return false;
    return true;
}

static int no_program(const char *name, const char *path, int sys, Error *err) {
    bool absent = sys == ENOENT || sys == ENOTDIR;
    if (absent && !path)
        error_set(err, ERROR_NOT_FOUND, "exec: \"%s\": executable file not found in $PATH", name);
    else if (absent)
        error_set_errno(err, sys, "exec: \"%s\": stat %s", name, name);
    else
        error_set_errno(err, sys, "exec: \"%s\"", name);
    if (sys == EACCES && path) {
        autofree char *quoted = text_format("'%s'", path);
        (void)explain_denial(path, strcmp(path, name) == 0 ? "it" : quoted, err);
    }
    return error_set_reason(err, absent ? "COMMAND_NOT_FOUND" : "COMMAND_NOT_EXECUTABLE");
}

/* As execvp(3), but in the container's $PATH only, and an empty entry is not the current directory.
 * Runs as the container's user, so that its permissions count. */
static int search_program(Init *init, const char *name, Error *err) {
    autotexts char **directories = texts_split(search_path(init->environment), ':');
    autofree char *denied = NULL;
    for (char **directory = directories; *directory; directory++) {
        if (!path_is_absolute(*directory))
            continue;
        autofree char *path = path_join(*directory, name);
        int found = executable_error(path);
        if (found == 0) {
            init->program = take_ptr(&path);
            return 0;
        }
        if (found == EACCES && !denied)
            denied = take_ptr(&path);
    }
    return no_program(name, denied, denied ? EACCES : ENOENT, err);
}

int program_locate(Init *init, Error *err) {
    const char *name = init->process->args.item[0];
    if (!strchr(name, '/'))
        return *name ? search_program(init, name, err) : no_program(name, NULL, ENOENT, err);
    int sys = executable_error(name);
    if (sys)
        return no_program(name, name, sys, err);
    init->program = text_copy(name);
    return 0;
}

/* The beginning of a file; false if it cannot be read. */
static bool read_head(const char *path, char head[HEAD_MAX + 1], size_t *ret_n) {
    autoclose int fd = openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    ssize_t n = fd < 0 ? -1 : pread(fd, head, HEAD_MAX, 0);
    if (n < 0)
        return false;
    head[n] = '\0';
    *ret_n = (size_t)n;
    return true;
}

/* The word after "#!". New string, or NULL. */
static char *script_interpreter(const char *head) {
    if (!text_starts(head, "#!"))
        return NULL;
    const char *word = head + 2 + strspn(head + 2, " \t");
    return text_copy_n(word, strcspn(word, " \t\n"));
}

/* A name that an image made up goes to somebody's terminal. */
static char *quote(const char *what, const char *name) {
    char *text = text_format("%s '%s'", what, name);
    for (char *c = text; *c; c++)
        *c = (unsigned char)*c < ' ' || *c == 127 ? '?' : *c;
    return text;
}

static bool is_elf(const char *head, size_t n) {
    return n >= SELFMAG && memcmp(head, ELFMAG, SELFMAG) == 0;
}

/* The loader of a program that is linked dynamically (elf(5), PT_INTERP). New string, or NULL. */
static char *elf_interpreter(const char *head, size_t n) {
    Elf64_Ehdr elf;
    if (!is_elf(head, n) || n < sizeof elf || head[EI_CLASS] != ELFCLASS64)
        return NULL;
    memcpy(&elf, head, sizeof elf);
    for (size_t i = 0; i < elf.e_phnum; i++) {
        Elf64_Phdr segment;
        uint64_t at = elf.e_phoff + i * sizeof segment;
        if (elf.e_phoff > n || at + sizeof segment > n)
            break;
        memcpy(&segment, head + at, sizeof segment);
        if (segment.p_type == PT_INTERP && segment.p_offset < n &&
            segment.p_filesz <= n - segment.p_offset)
            return text_copy_n(head + segment.p_offset,
                strnlen(head + segment.p_offset, (size_t)segment.p_filesz));
    }
    return NULL;
}

static const char *machine_name(unsigned machine) {
    static const struct {
        unsigned machine;
        const char *name;
    } rows[] = {{EM_X86_64, "x86_64"}, {EM_AARCH64, "aarch64"}, {EM_386, "i386"}, {EM_ARM, "arm"},
        {EM_RISCV, "riscv"}, {EM_PPC64, "ppc64"}, {EM_S390, "s390x"}, {EM_MIPS, "mips"},
        {EM_LOONGARCH, "loongarch"}};
    for (size_t i = 0; i < array_size(rows); i++)
        if (rows[i].machine == machine)
            return rows[i].name;
    return "another machine";
}

/* e_machine is at the same place in both classes; its bytes are in the order of the file. */
static unsigned elf_machine(const char *head) {
    const unsigned char *at = (const unsigned char *)head + offsetof(Elf64_Ehdr, e_machine);
    return head[EI_DATA] == ELFDATA2MSB ? at[0] * 256U + at[1] : at[1] * 256U + at[0];
}

static void explain_format(const char *head, size_t n, const char *what, Error *err) {
    struct utsname host = {};
    (void)uname(&host);
    if (!n)
        error_explain(err, "%s is empty", what);
    else if (!is_elf(head, n))
        error_explain(err, "%s is neither a program nor a script that begins with #!", what);
    else if (n < sizeof(Elf32_Ehdr))
        error_explain(err, "%s is a damaged program", what);
    else if (strcmp(machine_name(elf_machine(head)), host.machine) != 0)
        error_explain(err, "%s is built for %s, this machine is %s", what,
            machine_name(elf_machine(head)), host.machine);
}

/* What the kernel said may be about the file or about what shall interpret it. */
static void explain(const char *path, const char *what, int depth, Error *err) {
    char head[HEAD_MAX + 1];
    struct stat st;
    size_t n;
    if (err->sys == EACCES && explain_denial(path, what, err))
        return;
    if (!read_head(path, head, &n))
        return;
    autofree char *loader = elf_interpreter(head, n), *script = script_interpreter(head);
    const char *next = script ? script : loader;
    autofree char *name = next ? quote(script ? "its interpreter" : "its loader", next) : NULL;
    if (script && text_ends(script, "\r"))
        error_explain(err, "%s ends its first line with a carriage return, as on Windows", what);
    else if (next && stat(next, &st) < 0)
        error_explain(err, "%s is not there", name);
    else if (next && depth < INTERPRETERS_MAX)
        explain(next, name, depth + 1, err);
    else if (err->sys == ENOEXEC)
        explain_format(head, n, what, err);
}

static size_t bytes_of(char *const *texts) {
    size_t n = 0;
    for (; *texts; texts++)
        n += strlen(*texts) + 1;
    return n;
}

static void explain_failure(const Init *init, Error *err) {
    char *const *args = init->process->args.item;
    if (err->sys == ETXTBSY)
        error_explain(err, "somebody has it open for writing");
    else if (err->sys == E2BIG)
        error_explain(err, "arguments have %zu bytes, the environment %zu", bytes_of(args),
            bytes_of(init->environment));
    else if (err->sys == EAGAIN)
        error_explain(err, "user %u has as many processes as RLIMIT_NPROC allows", getuid());
    else if (err->sys == ENOENT || err->sys == EACCES || err->sys == ENOEXEC)
        explain(init->program, "it", 1, err);
}

int program_execute(const Init *init, Error *err) {
    execve(init->program, init->process->args.item, init->environment);
    error_set_errno(err, errno, "exec %s", init->program);
    if (!message_names_failures())
        explain_failure(init, err);
    return error_set_reason(
        err, err->sys == ENOENT ? "COMMAND_NOT_FOUND" : "COMMAND_NOT_EXECUTABLE");
}
