// SPDX-License-Identifier: Apache-2.0
#include "engine/layer/layer.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/process.h"
#include "base/text.h"
#include "engine/layer/confine.h"
#include "engine/layer/frame.h"

typedef struct Conversation {
    const LayerUnpack *unpack;
    LayerResult result;
    size_t paths;
    bool done;
} Conversation;

typedef struct Payload {
    union {
        char text[LAYER_FRAME_MAX + 1];
        uint64_t current;
        LayerDone done;
        Error error;
    };
    uint32_t length;
} Payload;

static int garbled(Error *err) {
    return error_set(err, ERROR_INTERNAL, "tare-unpack spoke out of turn");
}

static int take_path(
    Conversation *conversation, JsonTexts *list, const Payload *payload, Error *err) {
    if (++conversation->paths > LAYER_PATHS_MAX || strlen(payload->text) != payload->length)
        return garbled(err);
    json_texts_add(list, payload->text);
    return 0;
}

static int take_error(Payload *payload, Error *err) {
    Error *theirs = &payload->error;
    if (payload->length != sizeof(*theirs) || theirs->code >= 0)
        return garbled(err);
    theirs->message[sizeof(theirs->message) - 1] = '\0';
    theirs->reason[sizeof(theirs->reason) - 1] = '\0';
    *err = *theirs;
    return err->code;
}

static int take_frame(
    Conversation *conversation, LayerFrameType type, Payload *payload, Error *err) {
    LayerResult *result = &conversation->result;
    const LayerUnpack *unpack = conversation->unpack;
    switch (type) {
    case LAYER_PROGRESS:
        if (payload->length != sizeof(payload->current))
            return garbled(err);
        if (unpack->progress && unpack->progress(unpack->user, payload->current) < 0)
            return error_set(err, ERROR_CANCELLED, "cancelled");
        return 0;
    case LAYER_IMPLICIT:
        return take_path(conversation, &result->implicit, payload, err);
    case LAYER_OPAQUE:
        return take_path(conversation, &result->opaque, payload, err);
    case LAYER_DONE:
        if (payload->length != sizeof(payload->done))
            return garbled(err);
        result->bytes = payload->done.bytes;
        result->inodes = payload->done.inodes;
        result->tar_size = payload->done.tar_size;
        payload->done.diff_id[sizeof(payload->done.diff_id) - 1] = '\0';
        memcpy(result->diff_id, payload->done.diff_id, sizeof(result->diff_id));
        conversation->done = true;
        return 0;
    case LAYER_FAILED:
        return take_error(payload, err);
    }
    return garbled(err);
}

static int converse(Conversation *conversation, int fd, Error *err) {
    Payload payload;
    while (!conversation->done) {
        LayerFrame frame;
        int code = fd_read_exactly(fd, &frame, sizeof(frame), err);
        if (code == ERROR_UNAVAILABLE)
            return error_set(err, ERROR_UNAVAILABLE, "tare-unpack ended early");
        TRY(code);
        if (frame.length > LAYER_FRAME_MAX)
            return garbled(err);
        TRY(fd_read_exactly(fd, payload.text, frame.length, err));
        payload.text[frame.length] = '\0';
        payload.length = frame.length;
        TRY(take_frame(conversation, (LayerFrameType)frame.type, &payload, err));
    }
    return 0;
}

static int spawn(const LayerUnpack *unpack, pid_t *ret_pid, int *ret_fd, Error *err) {
    int pipe_fds[2];
    if (pipe2(pipe_fds, O_CLOEXEC) < 0)
        return error_set_errno(err, errno, "cannot make a pipe");
    autoclose int reader = pipe_fds[0], writer = pipe_fds[1];
    /* Nothing of the engine's environment concerns it. */
    const char *const environ[] = {NULL};
    bool follows = unpack->follow > 0;
    const char *const argv[] = {
        unpack->program, unpack->diff_id ? unpack->diff_id : "-", follows ? "follow" : NULL, NULL};
    const int more[] = {unpack->tree, unpack->follow};
    ProcessSpawn process = {
        .argv = argv,
        .environ = environ,
        .directory = "/",
        .fds = {unpack->blob, writer, STDERR_FILENO},
        .more_fds = more,
        .more_fds_n = follows ? 2 : 1,
    };
    TRY(process_spawn(&process, ret_pid, err));
    *ret_fd = take_fd(&reader);
    return 0;
}

/* SIGKILL may be anybody's, the kernel's for want of memory among them. */
static void name_signal(int signal, Error *err) {
    if (signal == SIGXCPU)
        error_set(err, ERROR_EXHAUSTED, "unpacking the layer took more than %d s of processor time",
            CONFINE_CPU_SECONDS);
    else if (signal != SIGKILL)
        error_set(err, ERROR_INTERNAL, "tare-unpack was ended by %s", signal_name(signal));
}

int layer_unpack(const LayerUnpack *unpack, LayerResult *ret, Error *err) {
    pid_t pid;
    autoclose int fd = -1;
    TRY(spawn(unpack, &pid, &fd, err));
    Conversation conversation = {.unpack = unpack};
    int code = converse(&conversation, fd, err);
    if (code < 0)
        kill(pid, SIGKILL);
    Error waiting;
    int status = 0;
    bool reaped = process_wait(pid, -1, &status, &waiting) == 0;
    if (code == ERROR_UNAVAILABLE && reaped && WIFSIGNALED(status))
        name_signal(WTERMSIG(status), err);
    if (code < 0) {
        layer_result_done(&conversation.result);
        return err->code;
    }
    *ret = conversation.result;
    return 0;
}

void layer_result_done(LayerResult *result) {
    json_texts_done(&result->implicit);
    json_texts_done(&result->opaque);
}
