// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "runtime/container/container.h"
#include "runtime/init/init.h"

/* Bringing a container from its bundle to the moment before its program runs. A failure at any
 * point takes back what was made: process, cgroups, state directory, mounts (which live in the
 * process's own mount namespace). */
typedef struct LaunchOptions {
    const char *bundle;         /* absolute */
    const char *config;         /* the configuration's name in it; NULL: config.json */
    const char *console_socket; /* path, or NULL */
    int console_fd;             /* or a socket; -1 */
    const char *pidfd_socket;   /* path of who gets a pidfd, or NULL */
    const char *pid_file;
    unsigned preserve_fds; /* from 3 on */
    unsigned listen_fds;   /* the first so many of them are a service manager's */
    bool no_pivot, no_new_keyring;
    bool systemd_cgroup; /* systemd makes the cgroup */
    bool no_cgroup;      /* nobody does */
    bool rootless;       /* we may not be allowed to make cgroups */
    bool wait_for_start; /* create: `start` comes by another process; run: launch_start */
} LaunchOptions;

typedef struct Plan Plan; /* what is needed only until the program begins */

typedef struct Launch {
    OciSpec spec;
    Container container;
    int channel; /* to init, until it runs the program; else -1 */
    pid_t pid;
    bool started; /* the program runs since launch_create */
    Plan *plan;
} Launch;

int launch_create(
    Launch *launch, const char *root, const char *id, const LaunchOptions *options, Error *err);

/* For run: lets the program begin. */
int launch_start(Launch *launch, Error *err);
void launch_done(Launch *launch);
CLEANUP_DEFINE_DONE(Launch, launch_done)

/* For start: knocks at the socket of a created container. */
int container_start(Container *container, Error *err);

/* Kills what lives, removes cgroups and state, runs poststop hooks. The hooks are those of `spec`;
 * NULL: of the configuration that the container was made from. */
int container_destroy(Container *container, const OciSpec *spec, Error *err);

/* SIGKILL, then waits until the process is gone; a container without its own pid namespace loses
 * every process of its cgroup. */
int container_kill_all(Container *container, Error *err);

/* Stops every process, and lets them go on. ERROR_STATE. */
int container_pause(const Container *container, Error *err);
int container_resume(const Container *container, Error *err);

/* Lets a paused container go on, if it is one: on cgroup v1 a frozen process does not even die. */
int container_thaw(const Container *container, Error *err);

/* Completes the error of an init that has died. Returns err->code. */
int container_explain_death(const Container *container, Error *err);

/* A signal to every process of the container's cgroup. */
int container_signal_all(const Container *container, int signal_number, Error *err);

/* The socket that a terminal's other end goes to; left alone if there is no terminal. */
int launch_open_console(
    const OciProcess *process, const LaunchOptions *options, int *ret_fd, Error *err);

int launch_write_pid_file(const char *path, pid_t pid, Error *err);
