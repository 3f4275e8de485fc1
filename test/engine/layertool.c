// SPDX-License-Identifier: Apache-2.0
/* layertool extract FILE DIRECTORY: what tare-unpack does, without its confinement, so that tests
 * see the extraction's own care. layertool confine DIRECTORY: what a process can still do once
 * confined. */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "engine/layer/confine.h"
#include "engine/layer/extract.h"

static int extract(char **argument, Error *err) {
    autoclose int file = -1, directory = -1;
    autoptr(Stream) stream = NULL;
    autodone(Extraction) extraction = {.tree.parent = -1};
    TRY(file_open(AT_FDCWD, argument[0], O_RDONLY, 0, &file, err));
    TRY(file_open(AT_FDCWD, argument[1], O_RDONLY | O_DIRECTORY, 0, &directory, err));
    TRY(stream_open(file, -1, UINT64_C(1) << 40, &stream, err));
    extraction_init(&extraction, stream, directory);
    TRY(extraction_run(&extraction, err));
    for (size_t i = 0; i < extraction.tree.implicit.n; i++)
        printf("implicit /%s\n", extraction.tree.implicit.item[i]);
    for (size_t i = 0; i < extraction.tree.opaque.n; i++)
        printf("opaque /%s\n", extraction.tree.opaque.item[i]);
    return 0;
}

static void say(const char *what, int result) {
    printf("%s: %s\n", what, result < 0 ? strerror(errno) : "done");
}

static int try_confined(char **argument, Error *err) {
    int tree;
    static char *const arguments[] = {"true", NULL};
    TRY(file_open(AT_FDCWD, argument[0], O_RDONLY | O_DIRECTORY, 0, &tree, err));
    TRY(confine(CONFINE_FILL, &tree, 1, err));
    say("make in tree", openat(tree, "made", O_WRONLY | O_CREAT, 0644));
    say("read outside", open("/etc/passwd", O_RDONLY));
    say("read above", openat(tree, "../canary", O_RDONLY));
    say("make above", openat(tree, "../made", O_WRONLY | O_CREAT, 0644));
    say("mount", mount("none", "/", "tmpfs", 0, NULL));
    say("change root", chroot("/"));
    say("become another user", setuid(1000));
    say("run a program", fexecve(openat(tree, "program", O_RDONLY), arguments, arguments + 1));
    return 0;
}

int main(int argc, char **argv) {
    Error error = {};
    int code = 0;
    umask(0);
    setlocale(LC_CTYPE, "C.UTF-8");
    setvbuf(stdout, NULL, _IONBF, 0);
    if (argc == 4 && strcmp(argv[1], "extract") == 0)
        code = extract(argv + 2, &error);
    else if (argc == 3 && strcmp(argv[1], "confine") == 0)
        code = try_confined(argv + 2, &error);
    if (code < 0)
        fprintf(stderr, "%s\n", error.message);
    fflush(stdout);
    _exit(code < 0 ? 1 : 0);
}
