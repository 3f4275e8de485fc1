// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>

#include "base/error.h"

/* What the runtime and the process that it prepares say to each other, over a SOCK_SEQPACKET pair.
 * Every message has the same size; an Error travels whole.
 *
 *     runtime                               init
 *       │  clone3 ─────────────────────────► │ network
 *       │  MESSAGE_MOVED ──────────────────► │ (only where clone3 could not enter the cgroup)
 *       │  cgroup_send ────────────────────► │ (only with cgroup v1, made meanwhile)
 *       │  user namespace mappings           │
 *       │  MESSAGE_MAPPED ─────────────────► │ (only with a new user namespace)
 *       │  rootfs_send ────────────────────► │ (only with a user namespace)
 *       │                                    │ cgroup, namespaces, mounts, devices, terminal
 *       │ ◄──────────────────── MESSAGE_HOOK │ (only when there are hooks)
 *       │  prestart, createRuntime hooks     │
 *       │  MESSAGE_DONE ───────────────────► │ createContainer hooks, pivot
 *       │ ◄────────────────── MESSAGE_LIMITS │ (only in a user namespace with limits)
 *       │  process.rlimits, by prlimit(2)    │
 *       │  MESSAGE_DONE ───────────────────► │ privileges
 *       │  state.json                        │
 *   run │  MESSAGE_START ──────────────────► │ (read when all of this is done)
 *       │                                    │ startContainer hooks, exec
 *       │ ◄──────────────────── end of file  │ (exec closed our end: the program runs)
 *
 * An end of file that leaves MESSAGE_START unread is a death, not an exec. Where init may ask for
 * something, and with a terminal, whose size comes first, MESSAGE_START is an answer to
 * MESSAGE_READY.
 *
 * A mount whose source is a place of the container's own tree exists only in init, which has no
 * power to map its ids in a user namespace: MESSAGE_MAP_IDS with the detached clone's descriptor
 * and the mount's index, and MESSAGE_DONE.
 *
 * With MESSAGE_DELEGATE init asks to be moved to the cgroup that its annotation names: its cgroup
 * namespace has just begun at the one above.
 *
 * Whenever init has loaded a seccomp filter with a listener it says MESSAGE_SECCOMP with the number
 * of its descriptor, and waits for MESSAGE_DONE: the runtime fetches the descriptor and hands it to
 * the agent. The filter may deny nearly everything, so messages are plain read(2) and write(2).
 *
 * After `create` the pair is closed at MESSAGE_READY, and `start` plays the last act over the
 * socket start.sock (MESSAGE_START, MESSAGE_READY, end of file). At any time MESSAGE_FAILED may
 * come from init instead, and end of file means that the peer died. A process that joins a pid or
 * user namespace is cloned by an intermediate one, which says MESSAGE_PID first. */
typedef enum MessageType {
    MESSAGE_PID = 1,
    MESSAGE_MOVED,
    MESSAGE_MAPPED,
    MESSAGE_HOOK,
    MESSAGE_LIMITS,
    MESSAGE_SECCOMP,
    MESSAGE_MAP_IDS,
    MESSAGE_DELEGATE,
    MESSAGE_DONE,
    MESSAGE_READY,
    MESSAGE_START,
    MESSAGE_FAILED,
} MessageType;

typedef struct Message {
    int type;
    int pid;     /* MESSAGE_PID, MESSAGE_MAPPED; a descriptor: MESSAGE_SECCOMP, MESSAGE_MAP_IDS */
    int mount;   /* MESSAGE_MAP_IDS: index in config.json's mounts */
    Error error; /* MESSAGE_FAILED */
} Message;

/* The caller ignores SIGPIPE. */
int message_pair(int ret[2], Error *err);
int message_send(int socket, MessageType type, int pid, Error *err);

/* What only the runtime can do: sends, and waits for MESSAGE_DONE. */
int message_ask(int socket, MessageType type, int descriptor, int mount, Error *err);
void message_send_failure(int socket, const Error *failure);

/* What precedes the words of an init that has failed; by default nothing. Only execve(2)'s failure
 * stays as the reference runtime says it: "exec /x: " and the kernel's words, nothing else. */
void message_name_failures(const char *prefix);
bool message_names_failures(void);

/* 0 at the end of file, else 1. MESSAGE_FAILED becomes its error. ERROR_UNAVAILABLE: the peer is
 * gone and has not read all that we said. */
int message_receive(int socket, Message *ret, Error *err);

/* A peer that fails and ends leaves us nobody to speak to: its words before that count then, not
 * our broken pipe. */
void message_explain(int socket, Error *err);

/* Waits for a message of this type. MESSAGE_FAILED becomes its error; ERROR_UNAVAILABLE: the peer
 * is gone. */
int message_expect(int socket, MessageType type, int *ret_pid, Error *err);

/* Waits for the end of file; MESSAGE_FAILED becomes its error. ERROR_UNAVAILABLE: the peer is gone
 * and has not read all that we said. */
int message_expect_end(int socket, Error *err);
int message_died(Error *err);
