// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/json.h"

/* What the runtime and tare-systemd say to each other: each one line of JSON, over a pair of
 * sockets.
 *
 *     runtime                          tare-systemd
 *       │  request ────────────────────► │ calls systemd, waits for its job
 *       │ ◄───────────────────── answer  │ ends; after SYSTEMD_START it stays in the new scope,
 *       │  (enters the scope)            │ which would vanish when it is empty
 *       │  a byte, or end of file ─────► │ ends
 */
#define SYSTEMD_START "start"     /* make the unit, with ourselves in it */
#define SYSTEMD_SET "set"         /* change properties */
#define SYSTEMD_ATTACH "attach"   /* move `pid` into the unit */
#define SYSTEMD_STOP "stop"       /* also forget that it failed */
#define SYSTEMD_MANAGER "manager" /* only ask for the manager's own control group */

typedef struct SystemdRequest {
    char *act, *unit;
    JsonBool user; /* the manager of the user, not of the machine */
    JsonInt pid;
    char *group;         /* where in the unit: "/SUB"; NULL: its own cgroup */
    JsonMap properties;  /* name → value in GVariant's notation */
    JsonMap annotations; /* the same, by users; they may say "Sec" */
} SystemdRequest;

typedef struct SystemdAnswer {
    JsonInt code; /* 0, or an Error's */
    char *message;
    char *control_group; /* SYSTEMD_MANAGER */
} SystemdAnswer;

extern const JsonType systemd_request_type, systemd_answer_type;

enum {
    SYSTEMD_LINE_MAX = 1 << 20
};
