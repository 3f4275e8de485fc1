// SPDX-License-Identifier: Apache-2.0
#include <ctype.h>
#include <limits.h>
#include <string.h>

#include "base/text.h"
#include "engine/volume/volume.h"

/* A name is a directory's: no slash, nothing before which a dot stands, no longer than one. */
int volume_name_check(const char *name, Error *err) {
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    size_t n = strlen(name);
    if (n == 1)
        return error_set(err, ERROR_INVALID,
            "volume name is too short, names should be at least two alphanumeric characters");
    if (n > NAME_MAX)
        return error_set(
            err, ERROR_INVALID, "volume name is too long, at most %d characters", NAME_MAX);
    if (n > 0 && isalnum((unsigned char)name[0]) && strspn(name, allowed) == n)
        return 0;
    return error_set(err, ERROR_INVALID,
        "\"%s\" includes invalid characters for a local volume name, only "
        "\"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use "
        "absolute path",
        name);
}

void volume_name_generate(char ret[65]) {
    text_random_hex(ret, 32);
}
