// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/option.h"
#include "runtime/container/container.h"

/* The command line, compatible with runc's. One file a verb; the table is in main.c. */
typedef struct Globals {
    const char *root, *log, *log_format, *log_level, *rootless, *cgroup_manager;
    bool debug, systemd_cgroup, no_cgroup, version, help;
    bool root_is_given, logs_to_file;
    const struct Command *command;
} Globals;

/* What a command on a container that exists gets. */
typedef struct Subject {
    const Globals *globals;
    Container *container;
    void *options; /* parsed */
    char **words;  /* what follows the id, up to a NULL */
} Subject;

typedef struct Command {
    const char *name, *arguments, *summary;
    /* argv[0] is the verb. Returns the exit code, or an error. NULL: the container is loaded by its
     * id, the first argument, for `act`. */
    int (*run)(const Globals *globals, int argc, char **argv, Error *err);
    const Option *options;
    int (*act)(const Subject *subject, Error *err);
    size_t options_size;  /* of act's options */
    int more_words;       /* that may follow act's id; < 0: any number */
    bool meets_container; /* one of its processes enters a container */
    bool ends_inside;     /* this very process does: nothing runs at its exit */
    int failure;          /* exit code of an error; 0: the usual 1 */
    const char *as_runc;  /* how runc begins every error of this command; NULL: with nothing */
} Command;

extern const Command command_checkpoint, command_create, command_delete, command_events,
    command_exec, command_features, command_kill, command_list, command_mounts, command_pause,
    command_ps, command_restore, command_resume, command_run, command_spec, command_start,
    command_state, command_update;

extern const char *command_program; /* argv[0]'s last name, for help */

int command_execute(
    const Command *command, const Globals *globals, int argc, char **argv, Error *err);

/* Parses options wherever they stand among between `min` and `max` positionals, and opens the
 * words: positional i is argv[first + i]. Empty texts are NULL. `--help` prints and returns 1. */
int command_parse(const Command *command, int argc, char **argv, int min, int max, void *ret,
    int *ret_first, Error *err);

/* --rootless: true, false, or auto (as it is). */
int command_parse_rootless(const Globals *globals, bool *ret, Error *err);

/* How many descriptors from 3 on the caller handed over; the limit of --preserve-fds. */
extern unsigned command_inherited_fds;

/* Sockets that a service manager passed to us for the container (sd_listen_fds(3)): they come
 * first, --preserve-fds counts from behind them. */
unsigned command_listen_fds(void);
int command_check_preserve(int64_t preserve, unsigned listen_fds, unsigned *ret, Error *err);
