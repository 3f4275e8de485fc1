// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/mountinfo.h"
#include "base/path.h"
#include "runtime/cgroup/hierarchy.h"
#include "runtime/checkpoint/external.h"
#include "runtime/rootfs/mount_option.h"

enum {
    MOUNTINFO_MAX = 64 << 20
};
#define HOST_NULL "/dev/null"

/* Where the configuration's mounts ended up in a container that runs. */
typedef struct Place {
    const OciMount *config;
    char *name; /* cleaned destination */
    char *path; /* with symlinks resolved, as the container's mount table has it */
    bool bind, recursive, cgroup;
} Place;

typedef struct Places {
    Place *item;
    size_t n;
} Places;

static void places_done(Places *places) {
    for (size_t i = 0; i < places->n; i++) {
        free(places->item[i].name);
        free(places->item[i].path);
    }
    free(places->item);
}
CLEANUP_DEFINE_DONE(Places, places_done)

static Place place_of(const OciMount *config) {
    autodone(MountOptions) options = {};
    autofree char *absolute = path_join("/", config->destination);
    const char *type = config->type ? config->type : "";
    mount_options_parse(&config->options, &options);
    bool bind = options.bind || strcmp(type, "bind") == 0;
    return (Place){.config = config,
        .name = path_clean(absolute),
        .bind = bind,
        .recursive = bind && options.recursive,
        .cgroup = !bind && text_starts(type, "cgroup")};
}

/* The path of what lies there, with the container's root as "/": proc(5) shows a descriptor's path
 * from the root of its own mount namespace when that is not ours. NULL: nothing is there. */
static char *resolve(int root, const char *path) {
    char link[FD_PATH_SIZE], buffer[PATH_MAX];
    autoclose int fd = -1;
    Error ignored;
    if (file_open_in(root, path, O_PATH, 0, &fd, &ignored) < 0)
        return NULL;
    ssize_t n = readlink(fd_path(fd, link), buffer, sizeof buffer);
    return n > 0 && n < (ssize_t)sizeof buffer ? text_copy_n(buffer, (size_t)n) : NULL;
}

static void places_find(Places *places, int root, const OciSpec *spec) {
    const OciMount *config = spec->mounts.item;
    for (size_t i = 0; i < spec->mounts.n; i++) {
        Place place = place_of(&config[i]);
        place.path = resolve(root, place.name);
        if (!place.path)
            place.path = text_copy(place.name);
        array_append(places->item, places->n, place);
    }
}

static int open_root(const Container *container, int *ret_fd, Error *err) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/root", (int)container->record.pid.value);
    return file_open(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0, ret_fd, err);
}

static int read_mounts(const char *process, Text *ret, Error *err) {
    autofree char *path = text_format("/proc/%s/mountinfo", process);
    return file_read(AT_FDCWD, path, MOUNTINFO_MAX, ret, err);
}

/* The innermost of the configuration's mounts that holds the path; the last of equals covers. */
static const Place *place_above(const Places *places, const char *path) {
    const Place *found = NULL;
    for (size_t i = 0; i < places->n; i++)
        if (path_is_within(path, places->item[i].path) &&
            (!found || strlen(places->item[i].path) >= strlen(found->path)))
            found = &places->item[i];
    return found;
}

/* "cgroup:cpu,cpuacct", for the hierarchy that a mount's options ("rw,cpu,cpuacct") speak of. */
static char *cgroup_name(const Container *container, const MountLine *line) {
    const JsonMap *paths = &container->record.cgroup_paths;
    for (size_t i = 0; i < paths->n; i++) {
        autotexts char **controllers = texts_split(paths->key[i], ',');
        bool all = text_equal(line->type, "cgroup2") == !*paths->key[i];
        for (char **each = controllers; all && *each; each++)
            all = hierarchy_has(line->options, *each);
        if (all)
            return text_format("cgroup:%s", paths->key[i]);
    }
    return NULL;
}

static void name_line(
    const Container *container, const Places *places, char *text, CriuOptions *ret) {
    MountLine line;
    if (!mount_line_cut(text, &line))
        return;
    mount_name_unescape(line.point);
    const Place *place = place_above(places, line.point);
    if (!place)
        return;
    autofree char *name = NULL;
    if (place->cgroup && text_starts(line.type, "cgroup"))
        name = cgroup_name(container, &line);
    else if (place->bind)
        name = text_format("%s%s", place->name, line.point + strlen(place->path));
    if (name)
        json_map_set(&ret->mounts, line.point, name);
}

/* Masked files are the host's null device. */
static void name_masked(int root, const OciSpec *spec, CriuOptions *ret) {
    for (size_t i = 0; i < spec->linux->masked_paths.n; i++) {
        autofree char *path = resolve(root, spec->linux->masked_paths.item[i]);
        autoclose int fd = -1;
        struct stat st;
        Error ignored;
        if (path && file_open_in(root, path, O_PATH, 0, &fd, &ignored) >= 0 &&
            fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode))
            json_map_set(&ret->mounts, path, HOST_NULL);
    }
}

/* In a user namespace devices cannot be made, so they are bound from the host. */
static const char *const default_devices[] = {
    HOST_NULL, "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty", NULL};

static void add_device(const char *path, CriuOptions *ret) {
    if (!json_map_find(&ret->mounts, path))
        json_map_set(&ret->mounts, path, path);
}

static void add_devices(const OciSpec *spec, CriuOptions *ret) {
    const OciDevice *device = spec->linux->devices.item;
    for (const char *const *path = default_devices; *path; path++)
        add_device(*path, ret);
    for (size_t i = 0; i < spec->linux->devices.n; i++)
        add_device(device[i].path, ret);
}

int external_name_mounts(
    const Container *container, const OciSpec *spec, CriuOptions *ret, Error *err) {
    autodone(Places) places = {};
    autodone(Text) mounts = {};
    autoclose int root = -1;
    autofree char *process = text_format("%d", (int)container->record.pid.value);
    TRY(open_root(container, &root, err));
    TRY(read_mounts(process, &mounts, err));
    places_find(&places, root, spec);
    char *rest = mounts.data;
    for (char *line; (line = strsep(&rest, "\n"));)
        name_line(container, &places, line, ret);
    name_masked(root, spec, ret);
    add_devices(spec, ret);
    return 0;
}

/* What is mounted below the source on this host goes along, as it did when the bind was made. */
static int find_below(const Place *place, const char *source, CriuOptions *ret, Error *err) {
    autodone(Text) mounts = {};
    TRY(read_mounts("self", &mounts, err));
    char *rest = mounts.data;
    for (char *text; (text = strsep(&rest, "\n"));) {
        MountLine line;
        if (!mount_line_cut(text, &line))
            continue;
        mount_name_unescape(line.point);
        if (!path_is_within(line.point, source) || strcmp(line.point, source) == 0)
            continue;
        const char *below = line.point + (strcmp(source, "/") == 0 ? 0 : strlen(source));
        autofree char *name = text_format("%s%s", place->name, below);
        json_map_set(&ret->mounts, name, line.point);
    }
    return 0;
}

/* criu looks for the source in its mount table, so that takes no symlink and no "." */
static int find_mount(const Place *place, const char *bundle, CriuOptions *ret, Error *err) {
    const char *given = place->config->source ? place->config->source : "";
    autofree char *path = path_is_absolute(given) ? text_copy(given) : path_join(bundle, given);
    autofree char *source = realpath(path, NULL);
    if (!source)
        return error_set_errno(err, errno, "cannot find '%s'", path);
    json_map_set(&ret->mounts, place->name, source);
    return place->recursive ? find_below(place, source, ret, err) : 0;
}

int external_find_mounts(
    const OciSpec *spec, const char *bundle, const Cgroup *cgroup, CriuOptions *ret, Error *err) {
    const OciMount *config = spec->mounts.item;
    for (size_t i = 0; i < spec->mounts.n; i++) {
        Place place = place_of(&config[i]);
        int r = place.bind ? find_mount(&place, bundle, ret, err) : 0;
        free(place.name);
        TRY(r);
    }
    for (size_t i = 0; i < cgroup->n; i++) {
        autofree char *name = text_format("cgroup:%s", cgroup->item[i].controllers);
        json_map_set(&ret->mounts, name, cgroup->item[i].path);
    }
    add_devices(spec, ret);
    return 0;
}
