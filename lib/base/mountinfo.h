// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>

/* A line of proc_pid_mountinfo(5): "36 35 98:0 /root /point rw,noatime master:1 - type source
 * options". Borrowed from the line; blanks in names are still escapes ("\040"). */
typedef struct MountLine {
    char *root, *point, *type, *options;
} MountLine;

/* Cuts the line in place. false: it is not such a line. */
bool mount_line_cut(char *line, MountLine *ret);

/* "\040" and the like (getmntent(3)), in place. */
void mount_name_unescape(char *name);
