// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/mount.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/text.h"

#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000
#endif

/* MOUNT_ATTR_RELATIME is 0; where "no relatime" must be a bit, it is this one of the field's three.
 */
#define MOUNT_OPTION_RELATIME 0x40

/* The options of a mount in config.json, sorted by who acts on them. */
typedef struct MountOptions {
    uint64_t set, clear; /* MOUNT_ATTR_* of the mount itself; clear: named by a word, "dev" */
    bool access_time;    /* set holds a choice of MOUNT_ATTR__ATIME and MOUNT_ATTR_NODIRATIME */
    bool flagged;        /* there was any word of this kind */
    uint64_t recursive_set, recursive_clear; /* of it and all below */
    unsigned long propagation; /* MS_SHARED, MS_PRIVATE, MS_SLAVE, MS_UNBINDABLE or 0 */
    bool propagation_recursive;
    bool bind, recursive; /* bind and rbind */
    bool copy_up;         /* tmpcopyup: a tmpfs starts with what it covers */
    bool copy_symlink;    /* a source that is a symlink is made again, not mounted */
    bool source_nofollow, destination_nofollow; /* a symlink there is itself what is bound */
    bool id_map, id_map_recursive;
    char *id_mapping; /* "uids=0-1-10#10-11-10;gids=@0-100-10" of idmap=…; NULL: none */
    char *
        *data; /* NULL-terminated: what the file system itself understands, "key=value" or "flag" */
    size_t data_n;
} MountOptions;

void mount_options_parse(const JsonTexts *texts, MountOptions *ret);
void mount_options_add(MountOptions *options, const char *data); /* one more for the file system */
void mount_options_done(MountOptions *options);
CLEANUP_DEFINE_DONE(MountOptions, mount_options_done)

/* The flag of a propagation word ("rshared") with whether it is recursive; 0: no such word. */
unsigned long mount_option_propagation(const char *word, bool *ret_recursive);

/* For `features`: all words, sorted, NULL-terminated. The caller frees the array, not the words. */
const char **mount_option_names(void);
