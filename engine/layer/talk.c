// SPDX-License-Identifier: Apache-2.0
#include "engine/layer/talk.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/process.h"
#include "base/text.h"
#include "engine/layer/confine.h"

enum {
    PIPE_SIZE = 1 << 20
};

int talk_garbled(Error *err) {
    return error_set(err, ERROR_INTERNAL, "a layer's program spoke out of turn");
}

static int take_error(TalkFrame *frame, Error *err) {
    Error *theirs = &frame->error;
    if (frame->length != sizeof(*theirs) || theirs->code >= 0)
        return talk_garbled(err);
    theirs->message[sizeof(theirs->message) - 1] = '\0';
    theirs->reason[sizeof(theirs->reason) - 1] = '\0';
    *err = *theirs;
    return err->code;
}

static int receive(int fd, TalkFrame *frame, Error *err) {
    LayerFrame header;
    TRY(fd_read_exactly(fd, &header, sizeof(header), err));
    uint32_t limit = header.type == LAYER_DATA ? LAYER_DATA_MAX : LAYER_FRAME_MAX;
    if (header.length > limit)
        return talk_garbled(err);
    TRY(fd_read_exactly(fd, frame->text, header.length, err));
    frame->text[header.length] = '\0';
    frame->length = header.length;
    frame->type = (LayerFrameType)header.type;
    return frame->type == LAYER_FAILED ? take_error(frame, err) : 0;
}

static int converse(const Talk *talk, int fd, Error *err) {
    autofree TalkFrame *frame = new (TalkFrame);
    for (;;) {
        int code = receive(fd, frame, err);
        if (code == 0)
            code = talk->take(talk->user, frame, err);
        if (code != 0)
            return code < 0 ? code : 0;
    }
}

static int spawn(const Talk *talk, pid_t *ret_pid, int *ret_fd, Error *err) {
    int pipe_fds[2];
    if (pipe2(pipe_fds, O_CLOEXEC) < 0)
        return error_set_errno(err, errno, "cannot make a pipe");
    autoclose int reader = pipe_fds[0], writer = pipe_fds[1];
    fcntl(reader, F_SETPIPE_SZ, PIPE_SIZE); /* a larger one is only faster */
    /* Nothing of the engine's environment concerns it. */
    const char *const nothing[] = {NULL};
    ProcessSpawn process = {
        .argv = talk->argv,
        .environ = nothing,
        .directory = "/",
        .fds = {talk->input, writer, STDERR_FILENO},
        .more_fds = talk->more,
        .more_fds_n = talk->more_n,
    };
    TRY(process_spawn(&process, ret_pid, err));
    *ret_fd = take_fd(&reader);
    return 0;
}

/* It ended without a last word. SIGKILL may be anybody's, the kernel's for want of memory among
 * them. */
static void explain(const Talk *talk, bool reaped, int status, Error *err) {
    const char *name = path_name(talk->argv[0]);
    int signal = reaped && WIFSIGNALED(status) ? WTERMSIG(status) : SIGKILL;
    if (signal == SIGXCPU)
        error_set(err, ERROR_EXHAUSTED, "%s the layer took more than %d s of processor time",
            text_ends(name, "-unpack") ? "unpacking" : "packing", CONFINE_CPU_SECONDS);
    else if (signal != SIGKILL)
        error_set(err, ERROR_INTERNAL, "%s was ended by %s", name, signal_name(signal));
    else
        error_set(err, ERROR_UNAVAILABLE, "%s ended early", name);
}

int talk(const Talk *talk, Error *err) {
    pid_t pid;
    autoclose int fd = -1;
    TRY(spawn(talk, &pid, &fd, err));
    int code = converse(talk, fd, err);
    if (code < 0)
        kill(pid, SIGKILL);
    Error waiting;
    int status = 0;
    bool reaped = process_wait(pid, -1, &status, &waiting) == 0;
    if (code == ERROR_UNAVAILABLE)
        explain(talk, reaped, status, err);
    return code < 0 ? err->code : 0;
}
