// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "proto/containerd/task/v3/task.pb-c.h"
#include "target.h"
#include "ttrpc/client.h"
#include "ttrpc/frame.h"
#include "ttrpc/server.h"

/* Both ends of ttrpc, fed with any bytes: as frames, as what a client says to a server whose
 * handlers park every other call, and as what a server answers. A Unix socket pair stands for the
 * connection; what does not fit into its buffer is left out. */

enum {
    BYTES_MAX = 64 * 1024
};

static int handle(void *owner, TtrpcCall *call, const ProtobufCMethodDescriptor *method,
    const ProtobufCMessage *request, ProtobufCMessage *response, Error *err) {
    unsigned *calls = owner;
    if (++*calls % 2 == 0)
        return ttrpc_call_park(call, owner);
    return *calls % 3 == 0 ? error_set(err, ERROR_NOT_FOUND, "no %s", method->name) : 0;
}

static void read_frames(const uint8_t *data, size_t size) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) < 0)
        abort();
    TtrpcReader reader = {};
    TtrpcFrame frame;
    Error err = {};
    if (send(ends[0], data, size, MSG_NOSIGNAL) < 0)
        size = 0;
    close(ends[0]);
    while (ttrpc_reader_next(&reader, ends[1], &frame, &err) == TTRPC_FRAME)
        if (frame.data && frame.length > TTRPC_DATA_MAX)
            abort();
    ttrpc_reader_done(&reader);
    close(ends[1]);
}

static void serve(int listener, const char *path, const uint8_t *data, size_t size) {
    static const char *const names[] = {"containerd.task.v3.Task", "containerd.task.v2.Task", NULL};
    unsigned calls = 0;
    const TtrpcService services[] = {
        {&containerd__task__v3__task__descriptor, names, handle, &calls}, {}};
    TtrpcServer *server = NULL;
    TtrpcClient *client = NULL;
    Error err = {};
    if (ttrpc_server_new(listener, services, &server, &err) < 0)
        abort();
    if (ttrpc_client_connect(path, &client, &err) < 0)
        abort();
    if (send(ttrpc_client_fd(client), data, size, MSG_NOSIGNAL) >= 0)
        for (int turn = 0; turn < 8; turn++)
            ttrpc_server_dispatch(server);
    ttrpc_server_wake(server, &calls);
    ttrpc_client_free(client);
    ttrpc_server_dispatch(server);
    ttrpc_server_free(server);
}

static void answer(int listener, const char *path, const uint8_t *data, size_t size) {
    Containerd__Task__V3__WaitRequest request = CONTAINERD__TASK__V3__WAIT_REQUEST__INIT;
    TtrpcClient *client = NULL;
    ProtobufCMessage *response = NULL;
    Error err = {};
    if (ttrpc_client_connect(path, &client, &err) < 0)
        abort();
    int peer = accept(listener, NULL, NULL);
    if (ttrpc_send(client, &containerd__task__v3__task__descriptor, "Wait", &request.base, &err) <
        0)
        abort();
    if (send(peer, data, size, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0 &&
        ttrpc_receive(client, 0, &response, &err) >= 0)
        ttrpc_response_free(response);
    close(peer);
    close(listener);
    ttrpc_client_free(client);
}

static int listen_at(const char *path) {
    Error err = {};
    int fd = -1;
    unlinkat(AT_FDCWD, path, 0);
    if (fd_listen(path, 0600, 8, &fd, &err) < 0 || fd_set_nonblocking(fd, true, &err) < 0)
        abort();
    return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[64];
    snprintf(path, sizeof path, "/tmp/fuzz-ttrpc.%d", (int)getpid());
    size = size < BYTES_MAX ? size : BYTES_MAX;
    read_frames(data, size);
    serve(listen_at(path), path, data, size);
    answer(listen_at(path), path, data, size);
    unlinkat(AT_FDCWD, path, 0);
    return 0;
}
