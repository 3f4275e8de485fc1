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

static bool is_octal(char c) {
    return c >= '0' && c <= '7';
}

void mount_name_unescape(char *name) {
    char *out = name;
    for (const char *in = name; *in; out++) {
        if (in[0] == '\\' && is_octal(in[1]) && in[1] < '4' && is_octal(in[2]) && is_octal(in[3])) {
            *out = (char)((in[1] - '0') << 6 | (in[2] - '0') << 3 | (in[3] - '0'));
            in += 4;
        } else {
            *out = *in++;
        }
    }
    *out = '\0';
}
