// SPDX-License-Identifier: Apache-2.0
#include "base/mountinfo.h"

#include <string.h>

/* Optional fields of any number stand before the dash, so each half is counted from its start. */
bool mount_line_cut(char *line, MountLine *ret) {
    char *tail = strstr(line, " - ");
    if (!tail)
        return false;
    *tail = '\0';
    tail += strlen(" - ");
    ret->type = strsep(&tail, " ");
    strsep(&tail, " ");
    ret->options = tail;
    for (int i = 0; i < 3; i++)
        strsep(&line, " ");
    ret->root = strsep(&line, " ");
    ret->point = strsep(&line, " ");
    return ret->options && ret->point;
}
