// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/volume/private.h"

/* mount(8)'s words that are attributes of the mount; all others are the file system's. */
static const struct {
    const char *word;
    uint64_t set, clear;
} attributes[] = {
    {"atime", 0, MOUNT_ATTR__ATIME},
    {"defaults", 0, 0},
    {"dev", 0, MOUNT_ATTR_NODEV},
    {"diratime", 0, MOUNT_ATTR_NODIRATIME},
    {"exec", 0, MOUNT_ATTR_NOEXEC},
    {"noatime", MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME},
    {"nodev", MOUNT_ATTR_NODEV, 0},
    {"nodiratime", MOUNT_ATTR_NODIRATIME, 0},
    {"noexec", MOUNT_ATTR_NOEXEC, 0},
    {"nosuid", MOUNT_ATTR_NOSUID, 0},
    {"relatime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME},
    {"ro", MOUNT_ATTR_RDONLY, 0},
    {"rw", 0, MOUNT_ATTR_RDONLY},
    {"strictatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME},
    {"suid", 0, MOUNT_ATTR_NOSUID},
};

typedef struct Words {
    struct mount_attr attributes;
    bool bind, recursive;
    JsonTexts rest;
} Words;

static bool is_attribute(const char *word, struct mount_attr *ret) {
    for (size_t i = 0; i < array_size(attributes); i++) {
        if (!text_equal(word, attributes[i].word))
            continue;
        ret->attr_set = (ret->attr_set & ~attributes[i].clear) | attributes[i].set;
        ret->attr_clr |= attributes[i].clear;
        return true;
    }
    return false;
}

static void words_read(const char *text, Words *ret) {
    autotexts char **words = texts_split(text, ',');
    for (size_t i = 0; words[i]; i++) {
        bool recursive = text_equal(words[i], "rbind");
        if (recursive || text_equal(words[i], "bind")) {
            ret->bind = true;
            ret->recursive |= recursive;
        } else if (*words[i] && !is_attribute(words[i], &ret->attributes)) {
            json_texts_add(&ret->rest, words[i]);
        }
    }
}

/* The kernel's network file systems know no names: "addr=host" becomes "addr=192.0.2.1". */
static int resolve(const char *host, char **ret, Error *err) {
    const struct addrinfo wanted = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char text[INET6_ADDRSTRLEN] = "";
    int r = getaddrinfo(host, NULL, &wanted, &found);
    if (r != 0)
        return error_set(err, ERROR_UNAVAILABLE, "cannot resolve '%s': %s", host, gai_strerror(r));
    getnameinfo(found->ai_addr, found->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST);
    freeaddrinfo(found);
    *ret = text_format("addr=%s", text);
    return 0;
}

static int set(int context, const char *word, Error *err) {
    const char *equals = strchr(word, '=');
    autofree char *key = text_copy_n(word, strcspn(word, "="));
    unsigned how = equals ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG;
    if (fsconfig(context, how, key, equals ? equals + 1 : NULL, 0) < 0)
        return error_set_errno(err, errno, "cannot set mount option '%s'", word);
    return 0;
}

static int set_all(int context, const Words *words, Error *err) {
    if ((words->attributes.attr_set & MOUNT_ATTR_RDONLY) &&
        fsconfig(context, FSCONFIG_SET_FLAG, "ro", NULL, 0) < 0)
        return error_set_errno(err, errno, "cannot set mount option 'ro'");
    for (size_t i = 0; i < words->rest.n; i++) {
        autofree char *address = NULL;
        const char *word = words->rest.item[i];
        if (text_starts(word, "addr="))
            TRY(resolve(word + strlen("addr="), &address, err));
        TRY(set(context, address ? address : word, err));
    }
    return 0;
}

static int make_file_system(
    const VolumeOptions *options, const Words *words, int *ret_fd, Error *err) {
    autoclose int context = fsopen(options->type, FSOPEN_CLOEXEC);
    if (context < 0)
        return error_set_errno(
            err, errno, "cannot mount a file system of type '%s'", options->type);
    if (fsconfig(context, FSCONFIG_SET_STRING, "source", options->device, 0) < 0)
        return error_set_errno(err, errno, "cannot mount '%s'", options->device);
    TRY(set_all(context, words, err));
    if (fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return error_set_errno(err, errno, "cannot mount '%s'", options->device);
    *ret_fd = fsmount(context, FSMOUNT_CLOEXEC, (unsigned)words->attributes.attr_set);
    return *ret_fd < 0 ? error_set_errno(err, errno, "cannot mount '%s'", options->device) : 0;
}

static int copy_mount(const VolumeOptions *options, const Words *words, int *ret_fd, Error *err) {
    unsigned deep = words->recursive ? AT_RECURSIVE : 0;
    struct mount_attr attr = words->attributes;
    if (words->rest.n > 0)
        return error_set(
            err, ERROR_INVALID, "a bind mount has no option '%s'", words->rest.item[0]);
    autoclose int fd =
        open_tree(AT_FDCWD, options->device, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | deep);
    if (fd < 0)
        return error_set_errno(err, errno, "cannot mount '%s'", options->device);
    struct stat status;
    if (fstat(fd, &status) < 0 || !S_ISDIR(status.st_mode))
        return error_set(err, ERROR_INVALID, "'%s' is not a directory", options->device);
    attr.propagation = MS_PRIVATE;
    if (mount_setattr(fd, "", AT_EMPTY_PATH | deep, &attr, sizeof attr) < 0)
        return error_set_errno(err, errno, "cannot set mount options of '%s'", options->device);
    *ret_fd = take_fd(&fd);
    return 0;
}

static bool is_mount(int data) {
    struct statx status;
    return statx(data, "", AT_EMPTY_PATH, STATX_TYPE, &status) == 0 &&
           (status.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

bool volume_is_mounted(const Volumes *volumes, const char *name) {
    autoclose int data = -1;
    Error ignored;
    return place_open_data(volumes, name, &data, &ignored) == 0 && is_mount(data);
}

int volume_mount(
    const Volumes *volumes, const char *name, const VolumeOptions *options, Error *err) {
    autoclose int data = -1, mount = -1;
    Words words = {};
    TRY(place_open_data(volumes, name, &data, err));
    if (!options->device || is_mount(data))
        return 0;
    words_read(options->words, &words);
    int r = words.bind ? copy_mount(options, &words, &mount, err)
                       : make_file_system(options, &words, &mount, err);
    json_texts_done(&words.rest);
    TRY(r);
    if (move_mount(mount, "", data, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
        return error_set_errno(err, errno, "cannot mount '%s'", options->device);
    return 0;
}

void volume_unmount(const Volumes *volumes, const char *name) {
    autofree char *path = volume_path(volumes, name);
    while (volume_is_mounted(volumes, name)) {
        if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0) {
            log_warning("volume %s: cannot unmount it: %s", name, strerrordesc_np(errno));
            return;
        }
    }
}
