// SPDX-License-Identifier: Apache-2.0
#include "engine/layer/view.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"

enum {
    NAMES_MAX = 128 << 20 /* bytes of one directory's names */
};

static char mark_of(int fd, const char *attribute) {
    char value[16];
    return fgetxattr(fd, attribute, value, sizeof(value)) > 0 ? value[0] : '\0';
}

static void add_level(View *view, int fd) {
    ViewLevel level = {fd, mark_of(fd, "trusted.overlay.opaque") == 'x'};
    array_append(view->level, view->n, level);
}

int view_init(View *view, const int *trees, size_t n, Error *err) {
    *view = (View){};
    for (size_t i = 0; i < n; i++) {
        int fd = fcntl(trees[i], F_DUPFD_CLOEXEC, 0);
        if (fd < 0)
            return error_set_errno(err, errno, "cannot open a layer");
        add_level(view, fd);
    }
    return 0;
}

void view_done(View *view) {
    for (size_t i = 0; i < view->n; i++)
        close(view->level[i].fd);
    free(view->level);
    *view = (View){};
}

bool view_stands_on(const View *upper, const View *lower) {
    bool same = upper->n == lower->n + 1;
    for (size_t i = 0; same && i < lower->n; i++) {
        struct stat a, b;
        same = fstat(upper->level[i + 1].fd, &a) == 0 && fstat(lower->level[i].fd, &b) == 0 &&
               a.st_dev == b.st_dev && a.st_ino == b.st_ino;
    }
    return same;
}

/* A character device 0:0, or in a directory marked so an empty file with an attribute. */
static bool is_whiteout(const ViewLevel *level, const char *name, const struct stat *status) {
    char value[1];
    if (S_ISCHR(status->st_mode) && status->st_rdev == 0)
        return true;
    if (!level->marks || !S_ISREG(status->st_mode) || status->st_size != 0)
        return false;
    autoclose int fd = openat(level->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    return fd >= 0 && (fgetxattr(fd, "trusted.overlay.whiteout", value, sizeof(value)) >= 0 ||
                          errno == ERANGE);
}

static int ask(
    const ViewLevel *level, const char *name, ViewSays *ret, struct stat *ret_status, Error *err) {
    *ret = VIEW_NOTHING;
    if (fstatat(level->fd, name, ret_status, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : error_set_errno(err, errno, "cannot read '%s'", name);
    *ret = is_whiteout(level, name, ret_status) ? VIEW_HIDDEN : VIEW_THERE;
    return 0;
}

int view_ask_top(
    const View *view, const char *name, ViewSays *ret, struct stat *ret_status, Error *err) {
    return ask(&view->level[0], name, ret, ret_status, err);
}

int view_find(
    const View *view, const char *name, int *ret_dir, struct stat *ret_status, Error *err) {
    for (size_t i = 0; i < view->n; i++) {
        ViewSays says;
        TRY(ask(&view->level[i], name, &says, ret_status, err));
        *ret_dir = view->level[i].fd;
        if (says != VIEW_NOTHING)
            return says == VIEW_THERE;
    }
    return 0;
}

/* 1: a directory was added; 0: this level has none of this name that could be entered. */
static int enter_level(const ViewLevel *level, const char *name, View *ret, Error *err) {
    int fd = openat(level->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
        return 0;
    if (fd < 0)
        return error_set_errno(err, errno, "cannot open directory '%s'", name);
    add_level(ret, fd);
    if (mark_of(fd, "trusted.overlay.redirect"))
        return error_set(err, ERROR_UNSUPPORTED,
            "'%s' was renamed in the way of overlayfs' redirect_dir, which layers cannot express",
            name);
    return 1;
}

int view_enter(const View *view, const char *name, ViewEnter *how, View *ret, Error *err) {
    autodone(View) entered = {};
    how->opaque = false;
    for (size_t i = 0; i < (how->top_only ? 1 : view->n) && !how->opaque; i++) {
        struct stat status;
        ViewSays says;
        TRY(ask(&view->level[i], name, &says, &status, err));
        if (says == VIEW_NOTHING)
            continue;
        if (says == VIEW_HIDDEN || !S_ISDIR(status.st_mode))
            break;
        int added = enter_level(&view->level[i], name, &entered, err);
        TRY(added);
        how->opaque =
            added && mark_of(entered.level[entered.n - 1].fd, "trusted.overlay.opaque") == 'y';
    }
    *ret = entered;
    entered = (View){};
    return 0;
}

static int add_names(int dir, JsonTexts *names, size_t *total, Error *err) {
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;
    if (!stream)
        return error_set_errno(err, errno, "cannot list a directory");
    while (*total <= NAMES_MAX && (entry = readdir(stream))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        json_texts_add(names, entry->d_name);
        *total += strlen(entry->d_name) + 2 * sizeof(char *);
    }
    closedir(stream);
    return *total > NAMES_MAX ? error_set(err, ERROR_EXHAUSTED, "a directory has too many entries")
                              : 0;
}

int view_names(const View *view, JsonTexts *names, Error *err) {
    size_t total = 0;
    for (size_t i = 0; i < view->n; i++)
        TRY(add_names(view->level[i].fd, names, &total, err));
    return 0;
}

static int compare(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void view_sort_names(JsonTexts *names) {
    size_t kept = 0;
    if (names->n > 1)
        qsort(names->item, names->n, sizeof(*names->item), compare);
    for (size_t i = 0; i < names->n; i++) {
        if (kept > 0 && strcmp(names->item[kept - 1], names->item[i]) == 0)
            free(names->item[i]);
        else
            names->item[kept++] = names->item[i];
    }
    names->n = kept;
}
