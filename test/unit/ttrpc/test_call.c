// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "proto/containerd/task/v3/task.pb-c.h"
#include "ttrpc/client.h"
#include "ttrpc/server.h"

#include <cmocka.h>

/* Client and server in one thread: ttrpc_send, dispatch, ttrpc_receive. */
typedef struct World {
    char directory[32], *path;
    TtrpcServer *server;
    TtrpcClient *client;
    bool exited; /* Wait is parked before */
    int handled;
    bool deferring; /* Wait first */
    TtrpcCall *deferred;
} World;

static const ProtobufCServiceDescriptor *const task = &containerd__task__v3__task__descriptor;
static const char *const names[] = {"containerd.task.v3.Task", "another.Name", NULL};

static int handle_wait(World *world, TtrpcCall *call, ProtobufCMessage *response) {
    if (world->deferring && !ttrpc_call_is_deferred(call)) {
        world->deferred = call;
        return ttrpc_call_defer(call);
    }
    if (!world->exited)
        return ttrpc_call_park(call, world);
    ((Containerd__Task__V3__WaitResponse *)response)->exit_status = 42;
    return 0;
}

static int handle(void *owner, TtrpcCall *call, const ProtobufCMethodDescriptor *method,
    const ProtobufCMessage *request, ProtobufCMessage *response, Error *err) {
    World *world = owner;
    world->handled++;
    if (strcmp(method->name, "Wait") == 0)
        return handle_wait(world, call, response);
    if (strcmp(method->name, "Connect") == 0) {
        const Containerd__Task__V3__ConnectRequest *connect =
            (const Containerd__Task__V3__ConnectRequest *)request;
        ((Containerd__Task__V3__ConnectResponse *)response)->version =
            ttrpc_call_text(call, connect->id);
        return 0;
    }
    error_set(err, ERROR_STATE, "not now");
    return error_set_reason(err, "TOO_EARLY");
}

static TtrpcService services[] = {{.names = names, .handle = handle}, {}};

static int set_up(void **state) {
    World *world = new (World);
    Error err = {};
    int listener;
    strcpy(world->directory, "/tmp/tare-ttrpc-XXXXXX");
    if (!mkdtemp(world->directory))
        return -1;
    world->path = text_format("unix://%s/socket", world->directory);
    services[0].descriptor = task;
    services[0].owner = world;
    if (fd_listen(world->path + strlen("unix://"), 0600, 16, &listener, &err) < 0 ||
        ttrpc_server_new(listener, services, &world->server, &err) < 0 ||
        ttrpc_client_connect(world->path, &world->client, &err) < 0)
        return -1;
    *state = world;
    return 0;
}

static int tear_down(void **state) {
    World *world = *state;
    ttrpc_client_free(world->client);
    ttrpc_server_free(world->server);
    unlink(world->path + strlen("unix://"));
    rmdir(world->directory);
    free(world->path);
    free(world);
    return 0;
}

static void serve(World *world) {
    for (int i = 0; i < 8; i++)
        ttrpc_server_dispatch(world->server);
}

static int call(World *world, const char *method, const ProtobufCMessage *request,
    ProtobufCMessage **response, Error *err) {
    assert_int_equal(ttrpc_send(world->client, task, method, request, err), 0);
    serve(world);
    return ttrpc_receive(world->client, 0, response, err);
}

static void answers_come_back(void **state) {
    World *world = *state;
    Error err = {};
    Containerd__Task__V3__ConnectRequest request = CONTAINERD__TASK__V3__CONNECT_REQUEST__INIT;
    Containerd__Task__V3__ConnectResponse *response = NULL;
    request.id = (char *)"an id";
    for (int i = 0; i < 100; i++) {
        assert_int_equal(
            call(world, "Connect", &request.base, (ProtobufCMessage **)&response, &err), 0);
        assert_string_equal(response->version, "an id");
        ttrpc_response_free(&response->base);
    }
}

static void errors_keep_code_text_and_reason(void **state) {
    Error err = {};
    Containerd__Task__V3__StartRequest request = CONTAINERD__TASK__V3__START_REQUEST__INIT;
    assert_int_equal(call(*state, "Start", &request.base, NULL, &err), ERROR_STATE);
    assert_string_equal(err.message, "not now");
    assert_string_equal(err.reason, "TOO_EARLY");
    assert_int_equal(err.sys, 0);
}

static void parked_calls_are_answered_when_woken(void **state) {
    World *world = *state;
    Error err = {};
    Containerd__Task__V3__WaitRequest request = CONTAINERD__TASK__V3__WAIT_REQUEST__INIT;
    Containerd__Task__V3__WaitResponse *response = NULL;
    assert_int_equal(call(world, "Wait", &request.base, NULL, &err), ERROR_TIMEOUT);
    ttrpc_server_wake(world->server, state); /* another subject */
    ttrpc_server_wake(world->server, world); /* not yet */
    assert_int_equal(ttrpc_receive(world->client, 0, NULL, &err), ERROR_TIMEOUT);
    world->exited = true;
    ttrpc_server_wake(world->server, world);
    assert_int_equal(ttrpc_receive(world->client, 0, (ProtobufCMessage **)&response, &err), 0);
    assert_int_equal(response->exit_status, 42);
    ttrpc_response_free(&response->base);
    assert_int_equal(world->handled, 3);
    ttrpc_server_wake(world->server, world);
    assert_int_equal(world->handled, 3);
}

static void parked_calls_end_with_their_connection(void **state) {
    World *world = *state;
    Error err = {};
    Containerd__Task__V3__WaitRequest request = CONTAINERD__TASK__V3__WAIT_REQUEST__INIT;
    assert_int_equal(call(world, "Wait", &request.base, NULL, &err), ERROR_TIMEOUT);
    assert_int_equal(ttrpc_server_connections(world->server), 1);
    world->client = ttrpc_client_free(world->client);
    serve(world);
    assert_int_equal(ttrpc_server_connections(world->server), 0);
    world->handled = 0;
    ttrpc_server_wake(world->server, world);
    assert_int_equal(world->handled, 0);
}

static void deferred_calls_are_answered_when_resumed(void **state) {
    World *world = *state;
    Error err = {};
    Containerd__Task__V3__WaitRequest request = CONTAINERD__TASK__V3__WAIT_REQUEST__INIT;
    Containerd__Task__V3__WaitResponse *response = NULL;
    world->deferring = true;
    assert_int_equal(call(world, "Wait", &request.base, NULL, &err), ERROR_TIMEOUT);
    ttrpc_server_wake(world->server, world); /* it is not parked */
    assert_int_equal(world->handled, 1);
    ttrpc_call_resume(world->deferred); /* now it is */
    world->deferring = false;
    world->exited = true;
    assert_int_equal(ttrpc_receive(world->client, 0, NULL, &err), ERROR_TIMEOUT);
    ttrpc_server_wake(world->server, world);
    assert_int_equal(ttrpc_receive(world->client, 0, (ProtobufCMessage **)&response, &err), 0);
    assert_int_equal(response->exit_status, 42);
    ttrpc_response_free(&response->base);
    world->deferring = true;
    assert_int_equal(call(world, "Wait", &request.base, NULL, &err), ERROR_TIMEOUT);
    ttrpc_call_resume(world->deferred);
    assert_int_equal(ttrpc_receive(world->client, 0, (ProtobufCMessage **)&response, &err), 0);
    assert_int_equal(response->exit_status, 42);
    ttrpc_response_free(&response->base);
}

static void deferred_calls_stay_when_their_client_leaves(void **state) {
    World *world = *state;
    Error err = {};
    Containerd__Task__V3__WaitRequest request = CONTAINERD__TASK__V3__WAIT_REQUEST__INIT;
    world->deferring = true;
    assert_int_equal(call(world, "Wait", &request.base, NULL, &err), ERROR_TIMEOUT);
    world->client = ttrpc_client_free(world->client);
    serve(world);
    assert_int_equal(ttrpc_server_connections(world->server), 0);
    ttrpc_call_resume(world->deferred);
    assert_int_equal(world->handled, 2);
    ttrpc_server_wake(world->server, world);
    assert_int_equal(world->handled, 2);
}

static void one_call_at_a_time(void **state) {
    World *world = *state;
    Error err = {};
    Containerd__Task__V3__WaitRequest request = CONTAINERD__TASK__V3__WAIT_REQUEST__INIT;
    assert_int_equal(ttrpc_receive(world->client, 0, NULL, &err), ERROR_STATE);
    assert_int_equal(ttrpc_send(world->client, task, "Wait", &request.base, &err), 0);
    assert_int_equal(ttrpc_send(world->client, task, "Wait", &request.base, &err), ERROR_STATE);
    assert_int_equal(
        ttrpc_send(world->client, task, "Nonesuch", &request.base, &err), ERROR_UNSUPPORTED);
}

static void late_answers_are_dropped(void **state) {
    World *world = *state;
    Error err = {};
    Containerd__Task__V3__ConnectRequest request = CONTAINERD__TASK__V3__CONNECT_REQUEST__INIT;
    Containerd__Task__V3__ConnectResponse *response = NULL;
    request.id = (char *)"late";
    /* nobody dispatches, so that the call times out */
    assert_int_equal(
        ttrpc_call(world->client, task, "Connect", &request.base, TIME_MILLISECOND, NULL, &err),
        ERROR_TIMEOUT);
    request.id = (char *)"timely";
    assert_int_equal(
        call(world, "Connect", &request.base, (ProtobufCMessage **)&response, &err), 0);
    assert_string_equal(response->version, "timely");
    ttrpc_response_free(&response->base);
}

static void lost_servers_are_told(void **state) {
    World *world = *state;
    Error err = {};
    Containerd__Task__V3__WaitRequest request = CONTAINERD__TASK__V3__WAIT_REQUEST__INIT;
    assert_int_equal(call(world, "Wait", &request.base, NULL, &err), ERROR_TIMEOUT);
    world->server = ttrpc_server_free(world->server);
    assert_int_equal(ttrpc_receive(world->client, -1, NULL, &err), ERROR_UNAVAILABLE);
    assert_int_equal(err.sys, ECONNRESET);
    TtrpcClient *client;
    assert_int_equal(ttrpc_client_connect(world->path, &client, &err), ERROR_UNAVAILABLE);
}

/* As a child between vfork and exec does: epoll goes on reporting a socket that is open anywhere.
 */
static void a_socket_held_elsewhere_is_forgotten(void **state) {
    World *world = *state;
    Error err = {};
    autoclose int fd = -1;
    serve(world);
    assert_int_equal(fd_connect(world->path + strlen("unix://"), &fd, &err), 0);
    int accepted = dup(fd); /* the number that accept will use */
    close(accepted);
    serve(world);
    autoclose int held = dup(accepted);
    assert_true(held >= 0);
    assert_int_equal(ttrpc_server_connections(world->server), 2);
    close(take_fd(&fd));
    serve(world);
    assert_int_equal(ttrpc_server_connections(world->server), 1);
    struct pollfd ready = {.fd = ttrpc_server_fd(world->server), .events = POLLIN};
    assert_int_equal(poll(&ready, 1, 0), 0);
    answers_come_back(state);
}

/* What a hostile peer may send: the server answers or closes, and serves the next one. */
static void hostile_frames_do_no_harm(void **state) {
    static const struct {
        const char *bytes;
        size_t n;
    } attacks[] = {
        {"\0\0\0\2\0\0\0\1\1\0\xff\xff", 12},                    /* not a Request */
        {"\0\0\0\0\0\0\0\2\1\0", 10},                            /* even stream */
        {"\0\0\0\0\0\0\0\1\1\0\0\0\0\0\0\0\0\1\1\0", 20},        /* the same stream twice */
        {"\0\0\0\0\0\0\0\1\3\0", 10},                            /* data of no stream */
        {"\0\0\0\0\0\0\0\1\1\2", 10},                            /* opens a stream */
        {"\0\0\0\0\0\0\0\1\x63\0", 10},                          /* unknown type */
        {"\xff\xff\xff\xff\0\0\0\1\1\0", 10},                    /* 4 GiB */
        {"\0\0\0", 3}, {"\0\0\0\4\0\0\0\1\1\0\n\2\xff\xfe", 14}, /* service: not UTF-8, no method */
    };
    World *world = *state;
    Error err = {};
    char answer[1024];
    for (size_t i = 0; i < array_size(attacks); i++) {
        autoclose int fd = -1;
        assert_int_equal(fd_connect(world->path + strlen("unix://"), &fd, &err), 0);
        assert_int_equal(write(fd, attacks[i].bytes, attacks[i].n), attacks[i].n);
        serve(world);
        ssize_t n = recv(fd, answer, sizeof answer, MSG_DONTWAIT);
        assert_true(n < 0 || n > 10);
    }
    assert_int_equal(world->handled, 0);
    answers_come_back(state);
}

static void connections_are_bounded(void **state) {
    World *world = *state;
    Error err = {};
    int fds[80];
    for (size_t i = 0; i < array_size(fds); i++) {
        fds[i] = -1;
        if (i < 64)
            assert_int_equal(fd_connect(world->path + strlen("unix://"), &fds[i], &err), 0);
        ttrpc_server_dispatch(world->server);
    }
    assert_true(ttrpc_server_connections(world->server) <= 64);
    for (size_t i = 0; i < array_size(fds); i++)
        if (fds[i] >= 0)
            close(fds[i]);
    for (int i = 0; i < 20; i++)
        serve(world);
    assert_int_equal(ttrpc_server_connections(world->server), 1);
    answers_come_back(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(answers_come_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(errors_keep_code_text_and_reason, set_up, tear_down),
        cmocka_unit_test_setup_teardown(parked_calls_are_answered_when_woken, set_up, tear_down),
        cmocka_unit_test_setup_teardown(parked_calls_end_with_their_connection, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            deferred_calls_are_answered_when_resumed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            deferred_calls_stay_when_their_client_leaves, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_call_at_a_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(late_answers_are_dropped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lost_servers_are_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_socket_held_elsewhere_is_forgotten, set_up, tear_down),
        cmocka_unit_test_setup_teardown(hostile_frames_do_no_harm, set_up, tear_down),
        cmocka_unit_test_setup_teardown(connections_are_bounded, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("ttrpc/call", tests, NULL, NULL);
}
