// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/memory.h"
#include "shim/stdio/private.h"

static void file_ready(void *owner) {
    stdio_pump(owner);
}

/* A terminal has one stream. */
static int open_sinks(Stdio *stdio, Error *err) {
    const OutputOptions options = {.loop = stdio->loop,
        .paths = {stdio->paths[1], stdio->terminal ? NULL : stdio->paths[2]},
        .id = stdio->id,
        .name_space = stdio->name_space,
        .farewells = stdio->farewells,
        .apart = stdio->apart,
        .ready = file_ready,
        .owner = stdio};
    Output output;
    TRY(output_open(&options, &output, err));
    for (int i = 0; i < LOG_STREAMS; i++) {
        stdio->streams[i].sink.source.fd = output.fds[i];
        stdio->streams[i].sink.unmet = output.unmet[i];
        stdio->streams[i].file = output.files[i];
    }
    stdio->logger = output.logger;
    return 0;
}

static int open_fifo(Stdio *stdio, const char *path, Error *err) {
    if (!path)
        return 0;
    TRY(file_open(AT_FDCWD, path, O_RDONLY | O_NONBLOCK, 0, &stdio->input.fifo.fd, err));
    return file_open(AT_FDCWD, path, O_WRONLY | O_NONBLOCK, 0, &stdio->input.fifo_writer, err);
}

static bool somebody_has_input(const Stdio *stdio) {
    for (const StdioListener *listener = stdio->listeners; listener; listener = listener->next)
        if (listener->wants_input)
            return true;
    return stdio->open_stdin || stdio->paths[0];
}

/* Both ends of a pipe are one inode. */
static int make_pipe(StdioOwner owner, int *ret_reader, int *ret_writer, Error *err) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_set_errno(err, errno, "cannot make a pipe");
    if ((owner.uid || owner.gid) && fchown(ends[0], owner.uid, owner.gid) < 0) {
        error_set_errno(
            err, errno, "cannot give a pipe to user %u and group %u", owner.uid, owner.gid);
        close(ends[0]);
        close(ends[1]);
        return err->code;
    }
    *ret_reader = ends[0];
    *ret_writer = ends[1];
    return 0;
}

/* Both ends: the one for the child is held until the other shim has opened the FIFO itself, so that
 * ours neither fails to open nor finds its end too early. */
static int make_fifo(Stdio *stdio, int index, int *ret_reader, int *ret_writer, Error *err) {
    char *path = text_format("%s%d", stdio->relay.fifos, index);
    free(stdio->fifos[index]);
    stdio->fifos[index] = path;
    TRY(file_remove(AT_FDCWD, path, err));
    if (mkfifoat(AT_FDCWD, path, 0600) < 0)
        return error_set_errno(err, errno, "cannot make '%s'", path);
    TRY(file_open(AT_FDCWD, path, O_RDONLY | O_NONBLOCK, 0, ret_reader, err));
    return file_open(AT_FDCWD, path, O_WRONLY | O_NONBLOCK, 0, ret_writer, err);
}

static int make_channel(Stdio *stdio, int index, int *ret_reader, int *ret_writer, Error *err) {
    return stdio->relay.fifos ? make_fifo(stdio, index, ret_reader, ret_writer, err)
                              : make_pipe(stdio->owner, ret_reader, ret_writer, err);
}

static int open_channels(Stdio *stdio, int child[3], Error *err) {
    if (somebody_has_input(stdio)) {
        TRY(make_channel(stdio, 0, &child[0], &stdio->input.source.fd, err));
        TRY(fd_set_nonblocking(stdio->input.source.fd, true, err));
    }
    for (int i = 0; i < (stdio->terminal ? 1 : LOG_STREAMS); i++) {
        TRY(make_channel(stdio, 1 + i, &stdio->streams[i].source.fd, &child[1 + i], err));
        TRY(fd_set_nonblocking(stdio->streams[i].source.fd, true, err));
    }
    return 0;
}

const char *stdio_fifo(const Stdio *stdio, int index) {
    return stdio->fifos[index] ? stdio->fifos[index] : "";
}

int stdio_open(Stdio *stdio, int ret_child[3], Error *err) {
    for (int i = 0; i < 3; i++)
        ret_child[i] = -1;
    TRY(open_fifo(stdio, stdio->paths[0], err));
    TRY(open_sinks(stdio, err));
    if (stdio->terminal && !stdio->relay.fifos)
        return 0;
    int r = open_channels(stdio, ret_child, err);
    if (r < 0) {
        stdio_close_child(ret_child);
        return r;
    }
    stdio->opened = true;
    stdio_write_input(stdio);
    stdio_pump(stdio);
    return 0;
}

void stdio_close_child(int child[3]) {
    for (int i = 0; i < 3; i++) {
        if (child[i] >= 0)
            close(child[i]);
        child[i] = -1;
    }
}

void stdio_set_terminal(Stdio *stdio, int master) {
    stdio->streams[LOG_STDOUT].source.fd = master;
    stdio->input.source.fd = fcntl(master, F_DUPFD_CLOEXEC, 0);
    stdio->opened = true;
    if (stdio->size.rows && stdio->size.columns)
        stdio_resize(stdio, stdio->size);
    stdio_write_input(stdio);
    stdio_pump(stdio);
}
