// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/path.h"
#include "base/text.h"
#include "engine/container/mount/mount.h"
#include "engine/container/spec/spec.h"

/* Docker's default mounts; order matters, as later ones lie within earlier ones. */
typedef struct DefaultMount {
    const char *destination, *type, *source;
    const char *options; /* separated by commas */
} DefaultMount;

static const DefaultMount default_mounts[] = {
    {"/proc", "proc", "proc", "nosuid,noexec,nodev"},
    {"/dev", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=65536k"},
    {"/dev/pts", "devpts", "devpts", "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5"},
    {"/sys", "sysfs", "sysfs", "nosuid,noexec,nodev,ro"},
    {"/sys/fs/cgroup", "cgroup", "cgroup", "ro,nosuid,noexec,nodev"},
    {"/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev"},
    {"/dev/shm", "tmpfs", "shm", "nosuid,noexec,nodev,mode=1777,size=67108864"},
};

static const char *const etc_files[] = {"resolv.conf", "hostname", "hosts"};

static bool is_user_mount(const ContainerRecord *record, const char *destination) {
    const JsonObjects *mounts = &record->settings->mounts;
    for (size_t i = 0; i < mounts->n; i++) {
        const ContainerMount *mount = (const ContainerMount *)mounts->item + i;
        autofree char *target = path_clean(mount->target);
        if (text_equal(target, destination))
            return true;
    }
    return false;
}

static OciMount *add(OciSpec *spec, const char *destination, const char *type, const char *source) {
    OciMount *mount = json_objects_add(&spec->mounts, &oci_mount_type);
    mount->destination = text_copy(destination);
    mount->type = text_copy(type);
    mount->source = text_copy(source);
    return mount;
}

static void add_default(const SpecInput *input, const DefaultMount *row, OciSpec *spec) {
    const ContainerSettings *settings = input->record->settings;
    bool hidden = is_user_mount(input->record, row->destination) ||
                  (text_starts(row->destination, "/dev/") && is_user_mount(input->record, "/dev"));
    if (hidden)
        return;
    OciMount *mount = add(spec, row->destination, row->type, row->source);
    autotexts char **options = texts_split(row->options, ',');
    for (char **option = options; *option; option++) {
        bool read_only = text_equal(*option, "ro");
        if (!read_only || !settings->privileged.value)
            json_texts_add(&mount->options, *option);
    }
}

static void add_etc_file(const SpecInput *input, const char *name, OciSpec *spec) {
    autofree char *destination = path_join("/etc", name);
    autofree char *source = path_join(input->directory, name);
    if (is_user_mount(input->record, destination))
        return;
    OciMount *mount = add(spec, destination, "bind", source);
    json_texts_add(&mount->options, "rbind");
    json_texts_add(&mount->options, "rprivate");
    if (input->record->settings->read_only.value)
        json_texts_add(&mount->options, "ro");
}

void spec_own_mounts(const ContainerRecord *record, JsonTexts *ret) {
    for (size_t i = 0; i < array_size(default_mounts); i++)
        if (!is_user_mount(record, default_mounts[i].destination))
            json_texts_add(ret, default_mounts[i].destination);
    for (size_t i = 0; i < array_size(etc_files); i++) {
        autofree char *destination = path_join("/etc", etc_files[i]);
        if (!is_user_mount(record, destination))
            json_texts_add(ret, destination);
    }
    json_texts_add(ret, "/" CONTAINER_MARK);
}

static void add_tmpfs(const ContainerMount *from, OciSpec *spec) {
    static const char *const safe[] = {"noexec", "nosuid", "nodev"};
    autofree char *target = path_clean(from->target);
    OciMount *mount = add(spec, target, "tmpfs", "tmpfs");
    autotexts char **options = texts_split(from->options ? from->options : "", ',');
    for (size_t i = 0; i < array_size(safe); i++)
        json_texts_add(&mount->options, safe[i]);
    for (char **option = options; *option; option++)
        json_texts_add(&mount->options, *option);
    if (from->read_only.value)
        json_texts_add(&mount->options, "ro");
}

static char *source_of(const SpecInput *input, const ContainerMount *mount) {
    const ContainerMount *first = input->record->settings->mounts.item;
    return text_is_empty(mount->subpath) ? mount_source(mount, input->root)
                                         : mount_place(input->bundle, (size_t)(mount - first));
}

/* Read-only binds are so recursively, as Docker's since 25. */
static void add_user_mount(const SpecInput *input, const ContainerMount *from, OciSpec *spec) {
    const char *propagation = text_is_empty(from->propagation) ? "rprivate" : from->propagation;
    if (mount_kind(from) == MOUNT_TMPFS) {
        add_tmpfs(from, spec);
        return;
    }
    autofree char *target = path_clean(from->target), *source = source_of(input, from);
    OciMount *mount = add(spec, target, "bind", source);
    json_texts_add(&mount->options, "rbind");
    if (from->read_only.value)
        json_texts_add(&mount->options, "rro");
    json_texts_add(&mount->options, propagation);
    /* events reach the container only through a root that does not keep them out */
    if (text_ends(propagation, "shared")) {
        free(spec->linux->rootfs_propagation);
        spec->linux->rootfs_propagation = text_copy("shared");
    } else if (text_ends(propagation, "slave") && !spec->linux->rootfs_propagation) {
        spec->linux->rootfs_propagation = text_copy("rslave");
    }
}

static size_t depth(const ContainerMount *mount) {
    autofree char *target = path_clean(mount->target);
    size_t n = 0;
    for (const char *c = target; *c; c++)
        n += *c == '/';
    return target[1] ? n : 0;
}

/* Parents before what lies within them, otherwise in the user's order. */
static void add_user_mounts(const SpecInput *input, OciSpec *spec) {
    const JsonObjects *mounts = &input->record->settings->mounts;
    const ContainerMount *item = mounts->item;
    size_t deepest = 0;
    for (size_t i = 0; i < mounts->n; i++)
        deepest = depth(&item[i]) > deepest ? depth(&item[i]) : deepest;
    for (size_t level = 0; mounts->n && level <= deepest; level++) {
        for (size_t i = 0; i < mounts->n; i++) {
            if (depth(&item[i]) == level)
                add_user_mount(input, &item[i], spec);
        }
    }
}

void spec_build_mounts(const SpecInput *input, OciSpec *spec) {
    for (size_t i = 0; i < array_size(default_mounts); i++)
        add_default(input, &default_mounts[i], spec);
    for (size_t i = 0; i < array_size(etc_files); i++)
        add_etc_file(input, etc_files[i], spec);
    add_user_mounts(input, spec);
}
