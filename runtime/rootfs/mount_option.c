// SPDX-License-Identifier: Apache-2.0
#include "runtime/rootfs/mount_option.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

typedef enum OptionAction {
    ACTION_NONE,            /* accepted, nothing to do: what it asks for is so already */
    ACTION_SET,             /* a MOUNT_ATTR on */
    ACTION_CLEAR,           /* … off */
    ACTION_SET_TIME,        /* one of the access time settings */
    ACTION_CLEAR_TIME,      /* not this one of them */
    ACTION_SET_RECURSIVE,   /* a MOUNT_ATTR on in the whole tree */
    ACTION_CLEAR_RECURSIVE, /* … off */
    ACTION_PROPAGATION,
    ACTION_PROPAGATION_RECURSIVE,
    ACTION_DATA, /* a flag of the superblock: handed to the file system */
    ACTION_BIND,
    ACTION_BIND_RECURSIVE,
    ACTION_COPY_UP,
    ACTION_COPY_SYMLINK,
    ACTION_SOURCE_NOFOLLOW,
    ACTION_DESTINATION_NOFOLLOW,
    ACTION_ID_MAP,
    ACTION_ID_MAP_RECURSIVE,
} OptionAction;

/* config.md#linux-mount-options */
static const struct {
    const char *name;
    OptionAction action;
    uint64_t value;
} table[] = {
    {"async", ACTION_DATA, 0},
    {"atime", ACTION_CLEAR_TIME, MOUNT_ATTR_NOATIME},
    {"bind", ACTION_BIND, 0},
    {"copy-symlink", ACTION_COPY_SYMLINK, 0},
    {"defaults", ACTION_NONE, 0},
    {"dest-nofollow", ACTION_DESTINATION_NOFOLLOW, 0},
    {"dev", ACTION_CLEAR, MOUNT_ATTR_NODEV},
    {"diratime", ACTION_CLEAR_TIME, MOUNT_ATTR_NODIRATIME},
    {"dirsync", ACTION_DATA, 0},
    {"exec", ACTION_CLEAR, MOUNT_ATTR_NOEXEC},
    {"idmap", ACTION_ID_MAP, 0},
    {"iversion", ACTION_DATA, 0},
    {"lazytime", ACTION_DATA, 0},
    {"loud", ACTION_NONE, 0},
    {"mand", ACTION_DATA, 0},
    {"noatime", ACTION_SET_TIME, MOUNT_ATTR_NOATIME},
    {"nodev", ACTION_SET, MOUNT_ATTR_NODEV},
    {"nodiratime", ACTION_SET_TIME, MOUNT_ATTR_NODIRATIME},
    {"noexec", ACTION_SET, MOUNT_ATTR_NOEXEC},
    {"noiversion", ACTION_NONE, 0},
    {"nolazytime", ACTION_DATA, 0},
    {"nomand", ACTION_DATA, 0},
    {"norelatime", ACTION_CLEAR_TIME, MOUNT_OPTION_RELATIME},
    {"nostrictatime", ACTION_CLEAR_TIME, MOUNT_ATTR_STRICTATIME},
    {"nosuid", ACTION_SET, MOUNT_ATTR_NOSUID},
    {"nosymfollow", ACTION_SET, MOUNT_ATTR_NOSYMFOLLOW},
    {"private", ACTION_PROPAGATION, MS_PRIVATE},
    {"ratime", ACTION_CLEAR_RECURSIVE, MOUNT_ATTR_NOATIME},
    {"rbind", ACTION_BIND_RECURSIVE, 0},
    {"rdev", ACTION_CLEAR_RECURSIVE, MOUNT_ATTR_NODEV},
    {"rdiratime", ACTION_CLEAR_RECURSIVE, MOUNT_ATTR_NODIRATIME},
    {"relatime", ACTION_SET_TIME, MOUNT_ATTR_RELATIME},
    {"remount", ACTION_NONE, 0},
    {"rexec", ACTION_CLEAR_RECURSIVE, MOUNT_ATTR_NOEXEC},
    {"ridmap", ACTION_ID_MAP_RECURSIVE, 0},
    {"rnoatime", ACTION_SET_RECURSIVE, MOUNT_ATTR_NOATIME},
    {"rnodev", ACTION_SET_RECURSIVE, MOUNT_ATTR_NODEV},
    {"rnodiratime", ACTION_SET_RECURSIVE, MOUNT_ATTR_NODIRATIME},
    {"rnoexec", ACTION_SET_RECURSIVE, MOUNT_ATTR_NOEXEC},
    {"rnorelatime", ACTION_NONE, 0},
    {"rnostrictatime", ACTION_CLEAR_RECURSIVE, MOUNT_ATTR_STRICTATIME},
    {"rnosuid", ACTION_SET_RECURSIVE, MOUNT_ATTR_NOSUID},
    {"rnosymfollow", ACTION_SET_RECURSIVE, MOUNT_ATTR_NOSYMFOLLOW},
    {"ro", ACTION_SET, MOUNT_ATTR_RDONLY},
    {"rprivate", ACTION_PROPAGATION_RECURSIVE, MS_PRIVATE},
    {"rrelatime", ACTION_CLEAR_RECURSIVE, MOUNT_ATTR_STRICTATIME},
    {"rro", ACTION_SET_RECURSIVE, MOUNT_ATTR_RDONLY},
    {"rrw", ACTION_CLEAR_RECURSIVE, MOUNT_ATTR_RDONLY},
    {"rshared", ACTION_PROPAGATION_RECURSIVE, MS_SHARED},
    {"rslave", ACTION_PROPAGATION_RECURSIVE, MS_SLAVE},
    {"rstrictatime", ACTION_SET_RECURSIVE, MOUNT_ATTR_STRICTATIME},
    {"rsuid", ACTION_CLEAR_RECURSIVE, MOUNT_ATTR_NOSUID},
    {"rsymfollow", ACTION_CLEAR_RECURSIVE, MOUNT_ATTR_NOSYMFOLLOW},
    {"runbindable", ACTION_PROPAGATION_RECURSIVE, MS_UNBINDABLE},
    {"rw", ACTION_CLEAR, MOUNT_ATTR_RDONLY},
    {"shared", ACTION_PROPAGATION, MS_SHARED},
    {"silent", ACTION_NONE, 0},
    {"slave", ACTION_PROPAGATION, MS_SLAVE},
    {"src-nofollow", ACTION_SOURCE_NOFOLLOW, 0},
    {"strictatime", ACTION_SET_TIME, MOUNT_ATTR_STRICTATIME},
    {"suid", ACTION_CLEAR, MOUNT_ATTR_NOSUID},
    {"symfollow", ACTION_CLEAR, MOUNT_ATTR_NOSYMFOLLOW},
    {"sync", ACTION_DATA, 0},
    {"tmpcopyup", ACTION_COPY_UP, 0},
    {"unbindable", ACTION_PROPAGATION, MS_UNBINDABLE},
};

static int find(const char *name) {
    for (size_t i = 0; i < array_size(table); i++)
        if (strcmp(table[i].name, name) == 0)
            return (int)i;
    return -1;
}

/* The last word about an attribute counts: "ro,rw" is writable. The access time settings are one
 * field of the kernel's: whoever sets one clears the others (mount_setattr(2)). */
static void change(uint64_t *set, uint64_t *clear, uint64_t value, bool on) {
    bool access_time = value & MOUNT_ATTR__ATIME;
    *set &= ~(access_time ? (uint64_t)MOUNT_ATTR__ATIME : value);
    *clear &= ~value;
    if (on)
        *set |= value;
    *clear |= access_time ? (uint64_t)MOUNT_ATTR__ATIME : on ? 0 : value;
}

static void set_time(MountOptions *o, uint64_t value) {
    if (value != MOUNT_ATTR_NODIRATIME)
        o->set &= ~(uint64_t)MOUNT_ATTR__ATIME;
    o->set |= value;
    o->access_time = true;
}

static void clear_time(MountOptions *o, uint64_t value) {
    o->set &= ~value;
    o->clear |= value;
    o->access_time = o->access_time && (o->set & (MOUNT_ATTR__ATIME | MOUNT_ATTR_NODIRATIME));
}

static void set_propagation(MountOptions *options, uint64_t flag, bool recursive) {
    options->propagation = (unsigned long)flag;
    options->propagation_recursive = recursive;
}

void mount_options_add(MountOptions *options, const char *text) {
    options->data = memory_resize(options->data, options->data_n + 2, sizeof *options->data);
    options->data[options->data_n++] = text_copy(text);
    options->data[options->data_n] = NULL;
}

static void act(MountOptions *o, OptionAction action, uint64_t value, const char *text) {
    o->flagged = o->flagged || (action >= ACTION_SET && action <= ACTION_CLEAR_TIME);
    switch (action) {
    case ACTION_NONE:
        break;
    case ACTION_SET:
    case ACTION_CLEAR:
        change(&o->set, &o->clear, value, action == ACTION_SET);
        break;
    case ACTION_SET_TIME:
        set_time(o, value);
        break;
    case ACTION_CLEAR_TIME:
        clear_time(o, value);
        break;
    case ACTION_SET_RECURSIVE:
    case ACTION_CLEAR_RECURSIVE:
        change(&o->recursive_set, &o->recursive_clear, value, action == ACTION_SET_RECURSIVE);
        break;
    case ACTION_PROPAGATION:
    case ACTION_PROPAGATION_RECURSIVE:
        set_propagation(o, value, action == ACTION_PROPAGATION_RECURSIVE);
        break;
    case ACTION_DATA:
        mount_options_add(o, text);
        break;
    case ACTION_BIND:
        o->bind = true;
        break;
    case ACTION_BIND_RECURSIVE:
        o->bind = o->recursive = true;
        break;
    case ACTION_COPY_UP:
        o->copy_up = true;
        break;
    case ACTION_COPY_SYMLINK:
        o->copy_symlink = true;
        break;
    case ACTION_SOURCE_NOFOLLOW:
        o->source_nofollow = true;
        break;
    case ACTION_DESTINATION_NOFOLLOW:
        o->destination_nofollow = true;
        break;
    case ACTION_ID_MAP_RECURSIVE:
        o->id_map_recursive = true;
        o->id_map = true;
        break;
    case ACTION_ID_MAP:
        o->id_map = true;
        break;
    }
}

/* "idmap=uids=0-1-10;gids=…": crun's way to give the mapping with the word. */
static bool take_id_mapping(MountOptions *o, const char *text) {
    bool recursive = text_starts(text, "ridmap=");
    if (!recursive && !text_starts(text, "idmap="))
        return false;
    o->id_map = true;
    o->id_map_recursive = recursive;
    free(o->id_mapping);
    o->id_mapping = text_copy(strchr(text, '=') + 1);
    return true;
}

void mount_options_parse(const JsonTexts *texts, MountOptions *ret) {
    *ret = (MountOptions){};
    for (size_t i = 0; i < texts->n; i++) {
        int row = find(texts->item[i]);
        if (row >= 0)
            act(ret, table[row].action, table[row].value, texts->item[i]);
        else if (!take_id_mapping(ret, texts->item[i]))
            mount_options_add(ret, texts->item[i]);
    }
}

void mount_options_done(MountOptions *options) {
    texts_free(options->data);
    free(options->id_mapping);
    *options = (MountOptions){};
}

unsigned long mount_option_propagation(const char *word, bool *ret_recursive) {
    int row = find(word);
    if (row < 0 || (table[row].action != ACTION_PROPAGATION &&
                       table[row].action != ACTION_PROPAGATION_RECURSIVE))
        return 0;
    *ret_recursive = table[row].action == ACTION_PROPAGATION_RECURSIVE;
    return (unsigned long)table[row].value;
}

const char **mount_option_names(void) {
    const char **names = new_array(const char *, array_size(table) + 1);
    for (size_t i = 0; i < array_size(table); i++)
        names[i] = table[i].name;
    return names;
}
