// SPDX-License-Identifier: Apache-2.0
#include "runtime/container/attend.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "runtime/init/hook.h"
#include "runtime/init/limit.h"
#include "runtime/init/message.h"
#include "runtime/security/seccomp.h"

/* A descriptor of init's. */
static int fetch(const Attendance *attendance, int number, int *ret_fd, Error *err) {
    autoclose int pidfd = (int)syscall(SYS_pidfd_open, attendance->pid, 0);
    *ret_fd = pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, pidfd, number, 0);
    return *ret_fd < 0 ? error_set_errno(err, errno, "cannot fetch a descriptor of init") : 0;
}

/* seccomp_unotify(2): the descriptor goes with the ContainerProcessState (runtime-spec,
 * "seccompFd"). Init cannot send it itself: its own filter may hold sendmsg(2) up. */
static int hand_over(const Attendance *attendance, int number, Error *err) {
    const OciSeccomp *config = attendance->spec->linux->seccomp;
    autoclose int fd = -1, own = -1;
    TRY(fetch(attendance, number, &fd, err));
    if (attendance->agent_socket < 0)
        TRY(seccomp_connect_agent(config, &own, err));
    autofree char *state = hook_process_state(&attendance->state, config->listener_metadata);
    int socket = own >= 0 ? own : attendance->agent_socket;
    if (fd_send_with(socket, &fd, 1, state, err) < 0)
        return error_prefix(err, "linux.seccomp.listenerPath");
    return 0;
}

static int map_ids(const Attendance *attendance, const Message *message, Error *err) {
    autoclose int tree = -1;
    TRY(fetch(attendance, message->pid, &tree, err));
    return rootfs_map_ids(attendance->rootfs, (size_t)message->mount, tree, err);
}

static int serve(const Attendance *attendance, const Message *message, Error *err) {
    switch ((MessageType)message->type) {
    case MESSAGE_HOOK:
        return hooks_run_before_pivot(attendance->spec->hooks, &attendance->state, err);
    case MESSAGE_LIMITS:
        return limits_set(&attendance->process->rlimits, attendance->pid, err);
    case MESSAGE_SECCOMP:
        if (!attendance->spec->linux || !attendance->spec->linux->seccomp)
            break;
        return hand_over(attendance, message->pid, err);
    case MESSAGE_MAP_IDS:
        if (!attendance->rootfs)
            break;
        return map_ids(attendance, message, err);
    case MESSAGE_DELEGATE:
        if (!attendance->delegation)
            break;
        return subgroup_delegate(attendance->delegation, attendance->pid, err);
    case MESSAGE_PID:
    case MESSAGE_MAPPED:
    case MESSAGE_MOVED:
    case MESSAGE_DONE:
    case MESSAGE_READY:
    case MESSAGE_START:
    case MESSAGE_FAILED:
        break;
    }
    return error_set(err, ERROR_INTERNAL, "init said %d at the wrong time", message->type);
}

/* 1: init is ready, where that is waited for; 0: the channel has ended. */
static int attend(const Attendance *attendance, bool until_ready, Error *err) {
    Message message;
    int r;
    while ((r = message_receive(attendance->channel, &message, err)) > 0) {
        if (until_ready && message.type == MESSAGE_READY)
            return 1;
        TRY(serve(attendance, &message, err));
        TRY(message_send(attendance->channel, MESSAGE_DONE, 0, err));
    }
    return r;
}

int attend_until_ready(const Attendance *attendance, Error *err) {
    int r = attend(attendance, true, err);
    TRY(r);
    return r > 0 ? 0 : message_died(err);
}

int attend_until_end(const Attendance *attendance, Error *err) {
    return attend(attendance, false, err);
}

int attend_start(const Attendance *attendance, Error *err) {
    Error ignored; /* an init that is gone has left its reason */
    bool sent = message_send(attendance->channel, MESSAGE_START, 0, &ignored) >= 0;
    TRY(attend_until_end(attendance, err));
    return sent ? 0 : message_died(err);
}
