// SPDX-License-Identifier: Apache-2.0
#include "runtime/container/mounts.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "runtime/command/command.h"

/* As crun(1): a file holds an array of mounts as config.json has them. */

enum {
    MOUNTS_MAX = 1 << 20
};

typedef struct Mounts {
    JsonObjects mounts;
} Mounts;

#define T Mounts
static const JsonField fields[] = {{"mounts", JSON_OBJECTS, JSON_AT(mounts), &oci_mount_type}, {}};
static const JsonType mounts_type = {sizeof(T), fields};
#undef T

static const Option options[] = {{}};

static int read_mounts(const char *name, Mounts *ret, Error *err) {
    autodone(Text) text = {}, document = {};
    if (strcmp(name, "-") == 0)
        TRY(fd_read_all(STDIN_FILENO, MOUNTS_MAX, &text, err));
    else
        TRY(file_read(AT_FDCWD, name, MOUNTS_MAX, &text, err));
    text_append_format(&document, "{\"mounts\":%s}", text.data ? text.data : "");
    if (json_decode(&mounts_type, document.data, document.length, ret, err) < 0)
        return error_prefix(err, "%s", name);
    return 0;
}

static int change(const Container *container, const char *verb, JsonObjects *mounts, Error *err) {
    if (strcmp(verb, "add") == 0)
        return container_add_mounts(container, mounts, err);
    if (strcmp(verb, "remove") == 0)
        return container_remove_mounts(container, mounts, err);
    return error_set(err, ERROR_INVALID, "mounts: expected add or remove, not \"%s\"", verb);
}

static int run(const Globals *globals, int argc, char **argv, Error *err) {
    autodone(Container) container = {.dir = -1};
    Mounts mounts = {};
    int first;
    int r = command_parse(&command_mounts, argc, argv, 3, 3, &(char){0}, &first, err);
    if (r)
        return r < 0 ? r : 0;
    TRY(container_load(&container, globals->root, argv[first + 1], err));
    r = read_mounts(argv[first + 2], &mounts, err);
    r = r < 0 ? r : change(&container, argv[first], &mounts.mounts, err);
    json_done(&mounts_type, &mounts);
    return r;
}

const Command command_mounts = {"mounts", "add|remove ID FILE",
    "add mounts to a container that lives, or remove them", run, options, .meets_container = true,
    .ends_inside = true};
