// SPDX-License-Identifier: Apache-2.0
#include "engine/layer/speak.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/fd.h"

int speak_or_die(Error *err) {
    struct pollfd output = {.fd = STDOUT_FILENO};
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
        return error_set_errno(err, errno, "cannot set the parent death signal");
    if (poll(&output, 1, 0) > 0 && (output.revents & POLLERR))
        return error_set(err, ERROR_CANCELLED, "nobody listens");
    return 0;
}

int speak(LayerFrameType type, const void *data, size_t n, Error *err) {
    const LayerFrame frame = {type, (uint32_t)n};
    struct iovec parts[] = {
        {(void *)(uintptr_t)&frame, sizeof(frame)}, {(void *)(uintptr_t)data, n}};
    ssize_t done;
    do
        done = writev(STDOUT_FILENO, parts, 2);
    while (done < 0 && errno == EINTR);
    if (done < 0)
        return error_set_errno(err, errno, "cannot answer the engine");
    size_t sent = (size_t)done;
    if (sent < sizeof(frame))
        TRY(fd_write_all(STDOUT_FILENO, (const char *)&frame + sent, sizeof(frame) - sent, err));
    size_t of_data = sent > sizeof(frame) ? sent - sizeof(frame) : 0;
    return fd_write_all(STDOUT_FILENO, (const char *)data + of_data, n - of_data, err);
}

void speak_end(int code, const Error *error) {
    Error ignored;
    if (code < 0)
        speak(LAYER_FAILED, error, sizeof(*error), &ignored);
    _exit(code < 0);
}
