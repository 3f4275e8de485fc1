// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "target.h"

/* replay FILE-OR-DIRECTORY…: each file once through the target, with any compiler. */

enum {
    INPUT_MAX = 16 << 20
};

static size_t replay_file(int dir, const char *name) {
    autodone(Text) text = {};
    Error err = {};
    if (file_read(dir, name, INPUT_MAX, &text, &err) < 0) {
        fprintf(stderr, "%s\n", err.message);
        exit(1);
    }
    /* a copy of exactly this size: a read beyond it is seen */
    uint8_t *exact = malloc(text.length ? text.length : 1);
    if (text.length)
        memcpy(exact, text.data, text.length);
    LLVMFuzzerTestOneInput(exact, text.length);
    free(exact);
    return 1;
}

static size_t replay(const char *path) {
    DIR *stream = opendir(path);
    if (!stream)
        return replay_file(AT_FDCWD, path);
    size_t n = 0;
    for (struct dirent *entry; (entry = readdir(stream));)
        if (entry->d_name[0] != '.')
            n += replay_file(dirfd(stream), entry->d_name);
    closedir(stream);
    return n;
}

int main(int argc, char **argv) {
    size_t n = 0;
    for (int i = 1; i < argc; i++)
        n += replay(argv[i]);
    printf("%zu inputs\n", n);
    return n == 0;
}
