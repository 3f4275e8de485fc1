// SPDX-License-Identifier: Apache-2.0
#include "engine/layer/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path.h"
#include "base/text.h"

enum {
    LINKS_MAX = 40
}; /* as the kernel's own walk, path_resolution(7) */

void tree_init(Tree *tree, int root) {
    *tree = (Tree){.root = root, .parent = -1};
}

static void forget_parent(Tree *tree) {
    if (tree->parent >= 0)
        close(take_fd(&tree->parent));
    free(take_ptr(&tree->parent_path));
}

void tree_done(Tree *tree) {
    forget_parent(tree);
    json_texts_done(&tree->implicit);
    json_texts_done(&tree->opaque);
}

int tree_remember(Tree *tree, JsonTexts *list, const char *path, Error *err) {
    tree->remembered += strlen(path) + sizeof(char *) * 4;
    if (tree->remembered > TREE_REMEMBER_MAX)
        return error_set(err, ERROR_EXHAUSTED, "the layer has too many special directories");
    json_texts_add(list, path);
    return 0;
}

static int check_depth(const char *path, Error *err) {
    int depth = 1;
    for (const char *at = path; (at = strchr(at, '/')); at++)
        depth++;
    if (depth > TREE_DEPTH_MAX || strlen(path) >= PATH_MAX)
        return error_set(err, ERROR_EXHAUSTED, "'/%.80s…' is nested too deeply", path);
    return 0;
}

static int open_directory(int root, const char *path, int *ret_fd, Error *err) {
    return file_open_in(root, *path ? path : ".", O_RDONLY | O_DIRECTORY, 0, ret_fd, err);
}

static int make_directory(Tree *tree, const char *path, int links, int *ret_fd, Error *err);

/* A symlink is in the way, whose target is in a layer below or nowhere at all. The directories that
 * it names are made here, as every engine does. */
static int follow_link(
    Tree *tree, int parent, const char *path, int links, int *ret_fd, Error *err) {
    char target[PATH_MAX];
    ssize_t n = readlinkat(parent, path_name(path), target, sizeof(target) - 1);
    if (n < 0)
        return error_set_errno(err, errno, "cannot read link '/%s'", path);
    if (links == LINKS_MAX)
        return error_set(err, ERROR_CORRUPT, "'/%s': too many levels of symbolic links", path);
    target[n] = '\0';
    autofree char *directory = path_parent(path);
    autofree char *absolute = text_format("/%s", strcmp(directory, ".") == 0 ? "" : directory);
    autofree char *joined = target[0] == '/' ? text_copy(target) : path_join(absolute, target);
    autofree char *clean = path_clean(joined);
    return make_directory(tree, clean + strspn(clean, "/"), links + 1, ret_fd, err);
}

/* What is called like the directory is none: fine if it is a link or hides one of a layer below. */
static int replace_with_directory(
    Tree *tree, int parent, const char *path, int links, int *ret_fd, Error *err) {
    const char *name = path_name(path);
    struct stat status;
    if (fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return error_set_errno(err, errno, "cannot read '/%s'", path);
    if (S_ISLNK(status.st_mode))
        return follow_link(tree, parent, path, links, ret_fd, err);
    if (!tree_is_whiteout(&status))
        return error_set(err, ERROR_CORRUPT, "'/%s' is not a directory", path);
    if (unlinkat(parent, name, 0) < 0 || mkdirat(parent, name, 0755) < 0)
        return error_set_errno(err, errno, "cannot make directory '/%s'", path);
    TRY(tree_remember(tree, &tree->opaque, path, err));
    return open_directory(tree->root, path, ret_fd, err);
}

static int make_directory(Tree *tree, const char *path, int links, int *ret_fd, Error *err) {
    int code = open_directory(tree->root, path, ret_fd, err);
    if (code == 0 || (code != ERROR_NOT_FOUND && err->sys != ENOTDIR))
        return code;
    TRY(check_depth(path, err));
    autofree char *directory = path_parent(path);
    autoclose int parent = -1;
    TRY(make_directory(tree, strcmp(directory, ".") == 0 ? "" : directory, links, &parent, err));
    if (mkdirat(parent, path_name(path), 0755) < 0) {
        if (errno == EEXIST)
            return replace_with_directory(tree, parent, path, links, ret_fd, err);
        return error_set_errno(err, errno, "cannot make directory '/%s'", path);
    }
    TRY(tree_remember(tree, &tree->implicit, path, err));
    return open_directory(tree->root, path, ret_fd, err);
}

int tree_enter(Tree *tree, const char *path, int *ret_parent, const char **ret_name, Error *err) {
    const char *slash = strrchr(path, '/');
    size_t length = slash ? (size_t)(slash - path) : 0;
    if (!tree->parent_path || strncmp(tree->parent_path, path, length) != 0 ||
        tree->parent_path[length] != '\0') {
        TRY(check_depth(path, err));
        autofree char *directory = text_copy_n(path, length);
        forget_parent(tree);
        TRY(make_directory(tree, directory, 0, &tree->parent, err));
        tree->parent_path = take_ptr(&directory);
    }
    *ret_parent = tree->parent;
    *ret_name = slash ? slash + 1 : path;
    return 0;
}

int tree_find(Tree *tree, const char *path, int *ret_parent, const char **ret_name, Error *err) {
    const char *slash = strrchr(path, '/');
    autofree char *directory = text_copy_n(path, slash ? (size_t)(slash - path) : 0);
    TRY(open_directory(tree->root, directory, ret_parent, err));
    *ret_name = slash ? slash + 1 : path;
    return 0;
}

bool tree_is_whiteout(const struct stat *status) {
    return S_ISCHR(status->st_mode) && status->st_rdev == 0;
}

int tree_clear(int parent, const char *name, Error *err) {
    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
        return 0;
    return file_remove_tree(parent, name, err);
}
