// SPDX-License-Identifier: Apache-2.0
#include "engine/container/spec/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"

enum {
    FILE_LIMIT = 10 << 20,
    GROUPS_MAX = 65536,
    FIELDS_MAX = 7
};

#define ID_MAX UINT32_C(4294967294) /* 2³²−1 means "no id" to the kernel */

static bool is_number(const char *text) {
    return *text && strspn(text, "0123456789") == strlen(text);
}

static bool parse_id(const char *text, uint32_t *ret) {
    Error ignored;
    uint64_t value;
    if (!is_number(text) || text_parse_uint(text, "id", &value, &ignored) < 0 || value > ID_MAX)
        return false;
    *ret = (uint32_t)value;
    return true;
}

/* O_PATH first: opening a FIFO or a device could block or act. */
static int read_database(int root, const char *path, Text *ret, Error *err) {
    autoclose int found = -1, fd = -1;
    char buffer[FD_PATH_SIZE];
    struct stat st;
    int r = file_open_in(root, path, O_PATH, 0, &found, err);
    if (r == ERROR_NOT_FOUND || (r < 0 && err->sys == ENOTDIR)) {
        text_append(ret, "");
        return 0;
    }
    TRY(r);
    if (fstat(found, &st) < 0)
        return error_set_errno(err, errno, "cannot stat the container's %s", path);
    if (!S_ISREG(st.st_mode))
        return error_set(err, ERROR_INVALID, "the container's %s is not a regular file", path);
    if (st.st_size > FILE_LIMIT)
        return error_set(err, ERROR_EXHAUSTED, "the container's %s is larger than 10 MiB", path);
    TRY(file_open(AT_FDCWD, fd_path(found, buffer), O_RDONLY, 0, &fd, err));
    TRY(fd_read_all(fd, FILE_LIMIT, ret, err));
    if (!ret->data)
        text_append(ret, "");
    return 0;
}

/* Cuts the next line at colons, in place. NULL at the end of the file. */
static char *next_line(char **cursor, char *fields[FIELDS_MAX], size_t *ret_n) {
    char *line = *cursor;
    if (!*line)
        return NULL;
    size_t n = strcspn(line, "\n");
    *cursor = line + n + (line[n] == '\n');
    line[n] = '\0';
    *ret_n = 0;
    for (char *field = line; field && *ret_n < FIELDS_MAX;) {
        fields[(*ret_n)++] = field;
        field = strchr(field, ':');
        if (field)
            *field++ = '\0';
    }
    return line;
}

typedef struct Account {
    bool found;
    char *name, *home; /* borrowed from the file's text */
    uint32_t uid, gid;
} Account;

/* The first line of that name or number. */
static Account find_account(char *passwd, const char *name, bool numeric, uint32_t uid) {
    char *fields[FIELDS_MAX];
    size_t n;
    while (next_line(&passwd, fields, &n)) {
        Account account = {.found = true};
        if (n < 4 || is_number(fields[0]) || !parse_id(fields[2], &account.uid) ||
            !parse_id(fields[3], &account.gid))
            continue;
        if (numeric ? account.uid != uid : !text_equal(fields[0], name))
            continue;
        account.name = fields[0];
        account.home = n > 5 && *fields[5] ? fields[5] : NULL;
        return account;
    }
    return (Account){};
}

static bool is_member(char *members, const char *name) {
    for (char *rest = members, *member; (member = strsep(&rest, ","));) {
        if (text_equal(member, name))
            return true;
    }
    return false;
}

static bool find_group(char *group, const char *name, uint32_t *ret) {
    char *fields[FIELDS_MAX];
    size_t n;
    while (next_line(&group, fields, &n)) {
        if (n >= 3 && text_equal(fields[0], name) && parse_id(fields[2], ret))
            return true;
    }
    return false;
}

static void add_gid(JsonUints *gids, uint32_t gid) {
    for (size_t i = 0; i < gids->n; i++) {
        if (gids->item[i] == gid)
            return;
    }
    if (gids->n < GROUPS_MAX)
        array_append(gids->item, gids->n, (uint64_t)gid);
}

static void add_memberships(char *group, const char *name, JsonUints *gids) {
    char *fields[FIELDS_MAX];
    uint32_t gid;
    size_t n;
    while (next_line(&group, fields, &n)) {
        if (n >= 4 && parse_id(fields[2], &gid) && is_member(fields[3], name))
            add_gid(gids, gid);
    }
}

static int find_user(char *passwd, const char *user, Account *ret, Error *err) {
    uint32_t uid = 0;
    bool numeric = !*user || is_number(user);
    if (*user && numeric && !parse_id(user, &uid))
        return error_set(err, ERROR_INVALID,
            "unable to find user %s: uids and gids must be in range 0-4294967294", user);
    *ret = find_account(passwd, user, numeric, uid);
    if (ret->found)
        return 0;
    if (!numeric)
        return error_set(
            err, ERROR_INVALID, "unable to find user %s: no matching entries in passwd file", user);
    *ret = (Account){.uid = uid};
    return 0;
}

static int find_groups(
    char *group, const char *wanted, const Account *account, Identity *identity, Error *err) {
    if (!wanted) {
        add_gid(&identity->additional_gids, identity->gid);
        if (account->name)
            add_memberships(group, account->name, &identity->additional_gids);
        return 0;
    }
    if (is_number(wanted) ? !parse_id(wanted, &identity->gid)
                          : !find_group(group, wanted, &identity->gid))
        return error_set(err, ERROR_INVALID,
            is_number(wanted)
                ? "unable to find group %s: uids and gids must be in range 0-4294967294"
                : "unable to find group %s: no matching entries in group file",
            wanted);
    add_gid(&identity->additional_gids, identity->gid);
    return 0;
}

int identity_find(int root, const char *user, Identity *ret, Error *err) {
    autodone(Text) passwd = {}, group = {};
    autodone(Identity) identity = {};
    autofree char *name = text_copy(user ? user : "");
    char *wanted_group = strchr(name, ':');
    Account account = {};
    if (wanted_group)
        *wanted_group++ = '\0';
    if (wanted_group && (!*wanted_group || strchr(wanted_group, ':')))
        return error_set(
            err, ERROR_INVALID, "invalid user '%s': expected USER or USER:GROUP", user);
    TRY(read_database(root, "/etc/passwd", &passwd, err));
    TRY(read_database(root, "/etc/group", &group, err));
    TRY(find_user(passwd.data, name, &account, err));
    identity.uid = account.uid;
    identity.gid = account.gid;
    TRY(find_groups(group.data, wanted_group, &account, &identity, err));
    identity.home = text_copy(account.home ? account.home : "/");
    *ret = identity;
    identity = (Identity){};
    return 0;
}

void identity_done(Identity *identity) {
    free(identity->additional_gids.item);
    free(identity->home);
    *identity = (Identity){};
}
