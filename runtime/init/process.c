// SPDX-License-Identifier: Apache-2.0
#include "runtime/init/process.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/text.h"

/* crun's: the program keeps the groups of who calls us, which no mapping could give it. */
#define KEEP_GROUPS "run.oci.keep_original_groups"

enum {
    PASSWD_MAX = 10 << 20
};

/* The name's line of /etc/passwd gives the home directory. The file is the container's: it must be
 * a regular file inside its root, of bounded size (rule F, docs/security.md). */
static char *home_of(uint64_t uid) {
    autoclose int root = -1, fd = -1;
    autodone(Text) passwd = {};
    Error ignored;
    struct stat st;
    if (file_open(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0, &root, &ignored) < 0 ||
        file_open_in(root, "/etc/passwd", O_RDONLY | O_NONBLOCK, 0, &fd, &ignored) < 0 ||
        fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
        fd_read_all(fd, PASSWD_MAX, &passwd, &ignored) < 0)
        return NULL;
    char *rest = passwd.data;
    for (char *line; (line = strsep(&rest, "\n"));) {
        char *field[7] = {};
        for (int i = 0; i < 7 && line; i++)
            field[i] = strsep(&line, ":");
        uint64_t found;
        if (field[5] && text_parse_uint(field[2], "uid", &found, &ignored) >= 0 && found == uid)
            return *field[5] ? text_copy(field[5]) : NULL;
    }
    return NULL;
}

static bool same_name(const char *a, const char *b) {
    size_t n = strcspn(a, "=");
    return n == strcspn(b, "=") && memcmp(a, b, n) == 0;
}

/* The last of equal names counts, at the first one's place. */
static void add_variable(JsonTexts *list, const char *variable) {
    for (size_t i = 0; i < list->n; i++) {
        if (!same_name(list->item[i], variable))
            continue;
        free(list->item[i]);
        list->item[i] = text_copy(variable);
        return;
    }
    json_texts_add(list, variable);
}

int process_set_environment(Init *init, Error *err) {
    autodone(JsonTexts) list = {};
    const char *home = NULL;
    for (size_t i = 0; i < init->process->env.n; i++) {
        const char *variable = init->process->env.item[i];
        if (!strchr(variable, '=') || variable[0] == '=')
            return error_set(err, ERROR_INVALID, "process.env[%zu]: expected \"NAME=value\"", i);
        add_variable(&list, variable);
        home = same_name(variable, "HOME") ? variable + strlen("HOME=") : home;
    }
    if (text_is_empty(home)) {
        autofree char *directory =
            home_of(init->process->user ? init->process->user->uid.value : 0);
        autofree char *variable = text_format("HOME=%s", directory ? directory : "/");
        add_variable(&list, variable);
    }
    init->environment = take_ptr(&list.item);
    list.n = 0;
    return 0;
}

/* Magic links such as /proc/self/fd/7 are refused (CVE-2024-21626), and the kernel must agree that
 * the directory is below our root. */
static int enter_directory(const char *path, Error *err) {
    autoclose int root = -1, directory = -1;
    char here[4096];
    TRY(file_open(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0, &root, err));
    TRY(file_open_in(root, path, O_PATH | O_DIRECTORY, 0, &directory, err));
    if (fchdir(directory) < 0)
        return error_set_errno(err, errno, "cannot enter '%s'", path);
    if (syscall(SYS_getcwd, here, sizeof here) < 0)
        return error_set_errno(err, errno, "cannot verify '%s'", path);
    if (here[0] != '/') /* "(unreachable)…", getcwd(2) */
        return error_set(err, ERROR_DENIED, "'%s' is outside of the container", path);
    return 0;
}

/* Called with our own privileges, then once more as the container's user: a directory may be open
 * to only one of them. */
int process_enter_directory(Init *init, Error *err) {
    const char *path = init->process->cwd;
    if (init->directory_entered)
        return 0;
    int r = enter_directory(path, err);
    if (r == ERROR_NOT_FOUND && !init->is_exec) {
        autoclose int root = -1, made = -1;
        TRY(file_open(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0, &root, err));
        r = file_make_dirs_in(root, path, 0755, &made, err);
        if (r >= 0)
            r = enter_directory(path, err);
    }
    if (r < 0)
        return error_prefix(err, "chdir to cwd (\"%s\") set in config.json failed", path);
    init->directory_entered = true;
    return 0;
}

static int set_groups(const OciUser *user, Error *err) {
    autofree gid_t *groups = new_array(gid_t, user->additional_gids.n);
    for (size_t i = 0; i < user->additional_gids.n; i++)
        groups[i] = (gid_t)user->additional_gids.item[i];
    if (setgroups(user->additional_gids.n, groups) == 0)
        return 0;
    /* user_namespaces(7): setgroups may be off for good; then there are no groups to drop either */
    if (errno == EPERM && !user->additional_gids.n)
        return 0;
    if (errno == EPERM)
        return error_set_errno(
            err, errno, "cannot set any additional groups in a rootless container");
    return error_set_errno(err, errno, "cannot set additional groups");
}

/* The program's user owns its standard streams, so that it can open /dev/stdout again. Sockets,
 * and what the user namespace cannot own, stay as they are. */
static void own_streams(uid_t uid) {
    for (int fd = 0; fd < 3; fd++) {
        struct stat st;
        if (fstat(fd, &st) < 0 || st.st_uid == uid || S_ISSOCK(st.st_mode))
            continue;
        if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3))
            continue;
        (void)!fchown(fd, uid, (gid_t)-1);
    }
}

int process_set_user(Init *init, Error *err) {
    static const OciUser root = {};
    const OciUser *user = init->process->user ? init->process->user : &root;
    uid_t uid = (uid_t)user->uid.value;
    gid_t gid = (gid_t)user->gid.value;
    TRY(capabilities_drop_bounding(&init->capabilities, err));
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
        return error_set_errno(err, errno, "cannot keep capabilities");
    own_streams(uid);
    umask(user->umask.set ? (mode_t)user->umask.value & 07777 : 0022);
    if (!json_map_find(&init->spec->annotations, KEEP_GROUPS))
        TRY(set_groups(user, err));
    if (setresgid(gid, gid, gid) < 0)
        return error_set_errno(err, errno, "cannot become group %u", gid);
    if (setresuid(uid, uid, uid) < 0)
        return error_set_errno(err, errno, "cannot become user %u", uid);
    TRY(process_enter_directory(init, err));
    if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0)
        return error_set_errno(err, errno, "cannot keep capabilities");
    /* no one may look into us before exec: changed ids reset this (prctl(2)) */
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return error_set_errno(err, errno, "cannot hide from debuggers");
    return capabilities_apply(&init->capabilities, err);
}
