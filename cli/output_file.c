// SPDX-License-Identifier: Apache-2.0
#include "cli/output_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/terminal.h"

static int open_standard(OutputFile *output, Error *err) {
    if (terminal_is(STDOUT_FILENO))
        return error_set(err, ERROR_INVALID,
            "cowardly refusing to save to a terminal. Use the -o flag or redirect");
    output->fd = dup(STDOUT_FILENO);
    return output->fd < 0 ? error_set_errno(err, errno, "cannot write to standard output") : 0;
}

int output_file_open(const char *path, OutputFile *output, Error *err) {
    struct stat status;
    char random[9];
    *output = (OutputFile){.fd = -1, .path = path};
    if (!path)
        return open_standard(output, err);
    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode))
        return file_open(AT_FDCWD, path, O_WRONLY, 0, &output->fd, err);
    text_random_hex(random, 4);
    autofree char *temporary = text_format("%s.%s.tmp", path, random);
    if (file_open(AT_FDCWD, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600, &output->fd,
            err) < 0)
        return error_set_errno(err, err->sys, "cannot write '%s'", path);
    output->temporary = take_ptr(&temporary);
    return 0;
}

int output_file_finish(OutputFile *output, Error *err) {
    if (!output->temporary)
        return 0;
    if (renameat(AT_FDCWD, output->temporary, AT_FDCWD, output->path) < 0)
        return error_set_errno(err, errno, "cannot write '%s'", output->path);
    free(take_ptr(&output->temporary));
    return 0;
}

void output_file_done(OutputFile *output) {
    if (output->temporary)
        unlinkat(AT_FDCWD, output->temporary, 0);
    free(take_ptr(&output->temporary));
    if (output->fd >= 0)
        close(take_fd(&output->fd));
}
