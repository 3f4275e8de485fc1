// SPDX-License-Identifier: Apache-2.0
#include "shim/delegate.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/text.h"
#include "base/time.h"
#include "bootstrap/command.h"
#include "proto/containerd/task/v3/task.pb-c.h"
#include "shim/self.h"
#include "ttrpc/client.h"

#define PROCESS_TYPE "types.containerd.io/opencontainers/runtime-spec/1/Process"
#define RESOURCES_TYPE "types.containerd.io/opencontainers/runtime-spec/1/LinuxResources"

enum {
    EXIT_UNKNOWN = 255,
    EXIT_KILLED = 128 + SIGKILL,
    LOG_COPY_MAX = 1 << 20, /* of what it logs, in our log */
    FILE_MAX = 4 << 20,
};
static const int64_t quick = 10 * TIME_SECOND, slow = 120 * TIME_SECOND,
                     end_patience = 10 * TIME_SECOND, poll_pause = 5 * TIME_MILLISECOND;

/* A connection with a pending Wait; for an exec that has ended, with the Delete after it, upon
 * which the shim closes the exec's streams even if descendants hold them. */
typedef struct Wait {
    struct Wait *next;
    Delegate *delegate;
    char *exec_id;
    bool deleting;
    TtrpcClient *client;
    LoopSource source;
} Wait;

struct Delegate {
    DelegateOptions with; /* texts and messages are ours */
    char *address;        /* NULL: does not run */
    int version;
    ProtobufCServiceDescriptor service; /* Task by the name of the version */
    Wait *waits;
    LoopSource log; /* FIFO "log" in the bundle: a shim of containerd's waits for its reader */
    size_t log_copied;
};

/* Any message as a deep copy. */
static void *copy_message(const ProtobufCMessage *message) {
    autodone(Text) packed = {};
    size_t n = protobuf_c_message_get_packed_size(message);
    text_reserve(&packed, n + 1);
    protobuf_c_message_pack(message, (uint8_t *)packed.data);
    return protobuf_c_message_unpack(message->descriptor, NULL, n, (const uint8_t *)packed.data);
}

static char *text_or_empty(const char *text) {
    return (char *)(uintptr_t)(text ? text : "");
}

static void on_log(void *owner, uint32_t events) {
    Delegate *delegate = owner;
    char buffer[4096];
    Error ignored;
    ssize_t n = read(delegate->log.fd, buffer, sizeof buffer);
    if (n <= 0 || delegate->log_copied >= LOG_COPY_MAX)
        return;
    delegate->log_copied += (size_t)n;
    fd_write_all(STDERR_FILENO, buffer, (size_t)n, &ignored);
}

Delegate *delegate_new(const DelegateOptions *options) {
    Delegate *delegate = new (Delegate);
    *delegate = (Delegate){.with = *options, .log = {-1, on_log, delegate, 0}};
    DelegateOptions *with = &delegate->with;
    with->program = text_copy(options->program);
    with->id = text_copy(options->id);
    with->bundle = text_copy(options->bundle);
    with->name_space = text_copy(options->name_space);
    with->engine = text_copy(options->engine);
    with->events = text_copy(options->events);
    if (options->options)
        with->options = copy_message(&options->options->base);
    with->rootfs = new_array(Containerd__Types__Mount *, options->rootfs_n + 1);
    for (size_t i = 0; i < options->rootfs_n; i++)
        with->rootfs[i] = copy_message(&options->rootfs[i]->base);
    return delegate;
}

static void wait_free(Wait *wait) {
    for (Wait **at = &wait->delegate->waits; *at; at = &(*at)->next)
        if (*at == wait) {
            *at = wait->next;
            break;
        }
    loop_watch(wait->delegate->with.loop, &wait->source, 0);
    ttrpc_client_free(wait->client);
    free(wait->exec_id);
    free(wait);
}

static void free_text(const char *text) {
    free((char *)(uintptr_t)text);
}

Delegate *delegate_free(Delegate *delegate) {
    if (!delegate)
        return NULL;
    DelegateOptions *with = &delegate->with;
    while (delegate->waits)
        wait_free(delegate->waits);
    if (delegate->log.fd >= 0) {
        if (with->loop)
            loop_watch(with->loop, &delegate->log, 0);
        close(delegate->log.fd);
    }
    free_text(with->program);
    free_text(with->id);
    free_text(with->bundle);
    free_text(with->name_space);
    free_text(with->engine);
    free_text(with->events);
    if (with->options)
        google__protobuf__any__free_unpacked(
            (Google__Protobuf__Any *)(uintptr_t)with->options, NULL);
    for (size_t i = 0; i < with->rootfs_n; i++)
        containerd__types__mount__free_unpacked(with->rootfs[i], NULL);
    free(with->rootfs);
    free(delegate->address);
    free(delegate);
    return NULL;
}

const char *delegate_address(const Delegate *delegate) {
    return delegate ? delegate->address : NULL;
}

const char *delegate_program(const Delegate *delegate) {
    return delegate ? delegate->with.program : NULL;
}

int delegate_version(const Delegate *delegate) {
    return delegate ? delegate->version : 0;
}

static void set_address(Delegate *delegate, char *address, int version) {
    free(delegate->address);
    delegate->address = address;
    delegate->version = version;
    delegate->service = containerd__task__v3__task__descriptor;
    if (version == 2)
        delegate->service.name = "containerd.task.v2.Task";
}

/* Both ends, so that it neither waits for its writer nor ends with it. */
static int open_log(Delegate *delegate, Error *err) {
    autofree char *path = path_join(delegate->with.bundle, "log");
    if (delegate->log.fd >= 0)
        return 0;
    if (mkfifoat(AT_FDCWD, path, 0600) < 0 && errno != EEXIST)
        return error_set_errno(err, errno, "cannot make '%s'", path);
    TRY(file_open(AT_FDCWD, path, O_RDWR | O_NONBLOCK, 0, &delegate->log.fd, err));
    if (delegate->with.loop)
        loop_watch(delegate->with.loop, &delegate->log, EPOLLIN);
    return 0;
}

/* At its end it removes the socket that BUNDLE/address names, which until now is ours. */
static int write_address(const Delegate *delegate, Error *err) {
    autofree char *file = path_join(delegate->with.bundle, "address");
    autofree char *text = text_format("unix://%s", delegate->address);
    return file_write(AT_FDCWD, file, text, strlen(text), 0600, false, err);
}

static BootstrapCommand command_of(const DelegateOptions *with) {
    return (BootstrapCommand){.program = with->program,
        .name_space = with->name_space,
        .id = with->id,
        .bundle = with->bundle,
        .engine = with->engine,
        .events = with->events,
        .publish_binary = self_path(),
        .options = with->options ? &with->options->base : NULL};
}

static int clean_up(const DelegateOptions *with, int *ret_exit_code, Error *err) {
    const BootstrapCommand command = command_of(with);
    return bootstrap_command_delete(&command, ret_exit_code, err);
}

int delegate_start(Delegate *delegate, Error *err) {
    const BootstrapCommand command = command_of(&delegate->with);
    BootstrapAnswer answer = {};
    if (delegate->address)
        return 0;
    TRY(open_log(delegate, err));
    TRY(bootstrap_command_start(&command, &answer, err));
    set_address(delegate, answer.address, answer.version);
    return write_address(delegate, err);
}

static int connect_to(const Delegate *delegate, TtrpcClient **ret, Error *err) {
    if (!delegate->address)
        return error_set(err, ERROR_UNAVAILABLE, "'%s' does not run", delegate->with.program);
    return ttrpc_client_connect(delegate->address, ret, err);
}

static int call(const Delegate *delegate, const char *method, const ProtobufCMessage *request,
    int64_t timeout, ProtobufCMessage **ret, Error *err) {
    autoptr(TtrpcClient) client = NULL;
    TRY(connect_to(delegate, &client, err));
    return ttrpc_call(client, &delegate->service, method, request, timeout, ret, err);
}

/* Its shim is gone: whatever runs is ended by its delete command, which also knows the code. */
static int exit_code_of_lost(Delegate *delegate) {
    int code = EXIT_KILLED;
    Error err = {};
    log_error("'%s' is gone; ending its container", delegate->with.program);
    free(take_ptr(&delegate->address));
    if (clean_up(&delegate->with, &code, &err) < 0)
        log_failure(LOG_LEVEL_ERROR, &err);
    return code;
}

static int answered(Wait *wait, const Error *why, const ProtobufCMessage *response) {
    if (response)
        return (int)((const Containerd__Task__V3__WaitResponse *)response)->exit_status;
    if (*wait->exec_id)
        return EXIT_UNKNOWN;
    return why->sys ? exit_code_of_lost(wait->delegate) : EXIT_UNKNOWN;
}

static bool begin_delete(Wait *wait) {
    Containerd__Task__V3__DeleteRequest request = CONTAINERD__TASK__V3__DELETE_REQUEST__INIT;
    Error ignored;
    request.id = text_or_empty(wait->delegate->with.id);
    request.exec_id = wait->exec_id;
    wait->deleting =
        ttrpc_send(wait->client, &wait->delegate->service, "Delete", &request.base, &ignored) >= 0;
    return wait->deleting;
}

static void on_wait(void *owner, uint32_t events) {
    Wait *wait = owner;
    Delegate *delegate = wait->delegate;
    ProtobufCMessage *response = NULL;
    Error err = {};
    if (ttrpc_receive(wait->client, 0, &response, &err) == ERROR_TIMEOUT)
        return;
    if (wait->deleting) {
        ttrpc_response_free(response);
        wait_free(wait);
        return;
    }
    int code = answered(wait, &err, response);
    autofree char *exec_id = text_copy(wait->exec_id);
    bool goes_on = response && *exec_id && begin_delete(wait);
    ttrpc_response_free(response);
    if (!goes_on)
        wait_free(wait);
    delegate->with.exited(delegate->with.owner, exec_id, code);
}

static int begin_wait(Delegate *delegate, const char *exec_id, Error *err) {
    Containerd__Task__V3__WaitRequest request = CONTAINERD__TASK__V3__WAIT_REQUEST__INIT;
    autoptr(TtrpcClient) client = NULL;
    request.id = text_or_empty(delegate->with.id);
    request.exec_id = text_or_empty(exec_id);
    TRY(connect_to(delegate, &client, err));
    TRY(ttrpc_send(client, &delegate->service, "Wait", &request.base, err));
    Wait *wait = new (Wait);
    *wait = (Wait){.next = delegate->waits,
        .delegate = delegate,
        .exec_id = text_copy(exec_id),
        .source = {ttrpc_client_fd(client), on_wait, wait, 0},
        .client = client};
    take_ptr(&client);
    delegate->waits = wait;
    loop_watch(delegate->with.loop, &wait->source, EPOLLIN);
    return 0;
}

int delegate_create(Delegate *delegate, const RuntimeProcess *process, pid_t *ret_pid, Error *err) {
    const DelegateOptions *with = &delegate->with;
    Containerd__Task__V3__CreateTaskRequest request =
        CONTAINERD__TASK__V3__CREATE_TASK_REQUEST__INIT;
    request.id = text_or_empty(with->id);
    request.bundle = text_or_empty(with->bundle);
    request.rootfs = with->rootfs;
    request.n_rootfs = with->rootfs_n;
    request.terminal = process->terminal;
    request.stdin = text_or_empty(process->paths[0]);
    request.stdout = text_or_empty(process->paths[1]);
    request.stderr = text_or_empty(process->paths[2]);
    request.options = (Google__Protobuf__Any *)(uintptr_t)with->options;
    ProtobufCMessage *response = NULL;
    TRY(call(delegate, "Create", &request.base, slow, &response, err));
    *ret_pid = (pid_t)((Containerd__Task__V3__CreateTaskResponse *)response)->pid;
    ttrpc_response_free(response);
    return begin_wait(delegate, "", err);
}

static int start_process(Delegate *delegate, const char *exec_id, pid_t *ret_pid, Error *err) {
    Containerd__Task__V3__StartRequest request = CONTAINERD__TASK__V3__START_REQUEST__INIT;
    ProtobufCMessage *response = NULL;
    request.id = text_or_empty(delegate->with.id);
    request.exec_id = text_or_empty(exec_id);
    TRY(call(delegate, "Start", &request.base, slow, &response, err));
    if (ret_pid)
        *ret_pid = (pid_t)((Containerd__Task__V3__StartResponse *)response)->pid;
    ttrpc_response_free(response);
    return 0;
}

static int add_exec(
    Delegate *delegate, const RuntimeProcess *process, const Text *spec, Error *err) {
    Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
    Containerd__Task__V3__ExecProcessRequest request =
        CONTAINERD__TASK__V3__EXEC_PROCESS_REQUEST__INIT;
    any.type_url = text_or_empty(PROCESS_TYPE);
    any.value = (ProtobufCBinaryData){spec->length, (uint8_t *)spec->data};
    request.id = text_or_empty(delegate->with.id);
    request.exec_id = text_or_empty(process->exec_id);
    request.terminal = process->terminal;
    request.stdin = text_or_empty(process->paths[0]);
    request.stdout = text_or_empty(process->paths[1]);
    request.stderr = text_or_empty(process->paths[2]);
    request.spec = &any;
    return call(delegate, "Exec", &request.base, quick, NULL, err);
}

static void remove_exec(Delegate *delegate, const char *exec_id) {
    Containerd__Task__V3__DeleteRequest request = CONTAINERD__TASK__V3__DELETE_REQUEST__INIT;
    Error ignored;
    request.id = text_or_empty(delegate->with.id);
    request.exec_id = text_or_empty(exec_id);
    call(delegate, "Delete", &request.base, quick, NULL, &ignored);
}

int delegate_exec(Delegate *delegate, const RuntimeProcess *process, const char *spec_file,
    pid_t *ret_pid, Error *err) {
    autodone(Text) spec = {};
    TRY(file_read(AT_FDCWD, spec_file, FILE_MAX, &spec, err));
    TRY(add_exec(delegate, process, &spec, err));
    int r = start_process(delegate, process->exec_id, ret_pid, err);
    if (r >= 0)
        r = begin_wait(delegate, process->exec_id, err);
    if (r < 0)
        remove_exec(delegate, process->exec_id);
    return r;
}

int delegate_command(Delegate *delegate, const char *command, Error *err) {
    if (text_equal(command, "start"))
        return start_process(delegate, "", NULL, err);
    Containerd__Task__V3__PauseRequest pause = CONTAINERD__TASK__V3__PAUSE_REQUEST__INIT;
    Containerd__Task__V3__ResumeRequest resume = CONTAINERD__TASK__V3__RESUME_REQUEST__INIT;
    pause.id = resume.id = text_or_empty(delegate->with.id);
    return text_equal(command, "pause") ? call(delegate, "Pause", &pause.base, slow, NULL, err)
                                        : call(delegate, "Resume", &resume.base, slow, NULL, err);
}

int delegate_kill(Delegate *delegate, const char *exec_id, int signal, bool all, Error *err) {
    Containerd__Task__V3__KillRequest request = CONTAINERD__TASK__V3__KILL_REQUEST__INIT;
    request.id = text_or_empty(delegate->with.id);
    request.exec_id = text_or_empty(exec_id);
    request.signal = (uint32_t)signal;
    request.all = all;
    return call(delegate, "Kill", &request.base, quick, NULL, err);
}

int delegate_update(Delegate *delegate, const char *resources_file, Error *err) {
    autodone(Text) resources = {};
    Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
    Containerd__Task__V3__UpdateTaskRequest request =
        CONTAINERD__TASK__V3__UPDATE_TASK_REQUEST__INIT;
    TRY(file_read(AT_FDCWD, resources_file, FILE_MAX, &resources, err));
    any.type_url = text_or_empty(RESOURCES_TYPE);
    any.value = (ProtobufCBinaryData){resources.length, (uint8_t *)resources.data};
    request.id = text_or_empty(delegate->with.id);
    request.resources = &any;
    return call(delegate, "Update", &request.base, slow, NULL, err);
}

int delegate_resize(Delegate *delegate, const char *exec_id, TerminalSize size, Error *err) {
    Containerd__Task__V3__ResizePtyRequest request = CONTAINERD__TASK__V3__RESIZE_PTY_REQUEST__INIT;
    request.id = text_or_empty(delegate->with.id);
    request.exec_id = text_or_empty(exec_id);
    request.height = size.rows;
    request.width = size.columns;
    return call(delegate, "ResizePty", &request.base, quick, NULL, err);
}

int delegate_close_input(Delegate *delegate, const char *exec_id, Error *err) {
    Containerd__Task__V3__CloseIORequest request = CONTAINERD__TASK__V3__CLOSE_IOREQUEST__INIT;
    request.id = text_or_empty(delegate->with.id);
    request.exec_id = text_or_empty(exec_id);
    request.stdin = true;
    return call(delegate, "CloseIO", &request.base, quick, NULL, err);
}

/* A Delete is refused until the kill has been noticed. */
static int delete_task(Delegate *delegate, Error *err) {
    Containerd__Task__V3__DeleteRequest request = CONTAINERD__TASK__V3__DELETE_REQUEST__INIT;
    int64_t until = time_monotonic() + end_patience;
    request.id = text_or_empty(delegate->with.id);
    for (;;) {
        int r = call(delegate, "Delete", &request.base, slow, NULL, err);
        if (r >= 0 || r == ERROR_NOT_FOUND)
            return 0;
        if (err->sys || time_monotonic() > until)
            return r;
        time_sleep(poll_pause);
    }
}

static int find_process(const Delegate *delegate, int *ret_pidfd, Error *err) {
    Containerd__Task__V3__ConnectRequest request = CONTAINERD__TASK__V3__CONNECT_REQUEST__INIT;
    ProtobufCMessage *response = NULL;
    request.id = text_or_empty(delegate->with.id);
    TRY(call(delegate, "Connect", &request.base, quick, &response, err));
    pid_t pid = (pid_t)((Containerd__Task__V3__ConnectResponse *)response)->shim_pid;
    ttrpc_response_free(response);
    *ret_pidfd = pid > 1 ? pidfd_open(pid, 0) : -1;
    return *ret_pidfd < 0 ? error_set_errno(err, errno, "cannot find process %d", (int)pid) : 0;
}

/* Returns when its process has ended: at its end it removes its socket, by a name that the next
 * start command takes again. */
static int shut_down(const Delegate *delegate, Error *err) {
    Containerd__Task__V3__ShutdownRequest request = CONTAINERD__TASK__V3__SHUTDOWN_REQUEST__INIT;
    autoclose int process = -1;
    request.id = text_or_empty(delegate->with.id);
    TRY(find_process(delegate, &process, err));
    int r = call(delegate, "Shutdown", &request.base, quick, NULL, err);
    if (r < 0 && !err->sys)
        return r;
    struct pollfd end = {.fd = process, .events = POLLIN};
    if (poll(&end, 1, (int)(end_patience / TIME_MILLISECOND)) != 0)
        return 0;
    pidfd_send_signal(process, SIGKILL, NULL, 0);
    return error_set(err, ERROR_TIMEOUT, "'%s' did not end in time", delegate->with.program);
}

int delegate_delete(Delegate *delegate, Error *err) {
    Error ignored;
    if (!delegate->address)
        return 0;
    delegate_kill(delegate, "", SIGKILL, true, &ignored);
    int r = delete_task(delegate, err);
    if (r >= 0)
        r = shut_down(delegate, err);
    free(take_ptr(&delegate->address));
    if (r >= 0)
        return 0;
    log_failure(LOG_LEVEL_WARNING, err);
    int code;
    return clean_up(&delegate->with, &code, err);
}

/* Killed between its start and our record of it: another start finds the one that runs. */
int delegate_clean_up(
    const DelegateOptions *options, const char *address, int version, Error *err) {
    Error why = {};
    Delegate *delegate = delegate_new(options);
    if (address)
        set_address(delegate, text_copy(address), version);
    else if (delegate_start(delegate, &why) < 0)
        log_failure(LOG_LEVEL_WARNING, &why);
    int code;
    int r = delegate->address ? delegate_delete(delegate, err) : clean_up(options, &code, err);
    delegate_free(delegate);
    return r;
}

const char *const delegate_events_names[] = {"containerd.services.events.ttrpc.v1.Events", NULL};

int delegate_events_handle(void *owner, TtrpcCall *call, const ProtobufCMethodDescriptor *method,
    const ProtobufCMessage *request, ProtobufCMessage *response, Error *err) {
    return 0;
}
