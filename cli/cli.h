// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/option.h"

/* One run of tare: the global options and, once a command has asked for it, the engine. Single
 * thread; lives in main. */
typedef struct Client Client;
typedef struct Command Command;

typedef struct Cli {
    const char *host; /* -H, or NULL */
    bool debug;
    const Command *command; /* the one that runs */
    const char *name;       /* how the user spelt it: "ps", "container ls" */
    Client *client;
} Cli;

/* Exit codes that Docker's users script against. */
enum {
    EXIT_ENGINE = 125,         /* the engine, or a flag, not the container's program */
    EXIT_NOT_EXECUTABLE = 126, /* the program cannot be run */
    EXIT_NOT_FOUND = 127,      /* there is no such program */
};

/* One verb. Rows are constant and live in command/VERB.c; commands.c names them all. */
struct Command {
    const char *arguments; /* "[OPTIONS] CONTAINER [CONTAINER...]" */
    const char *summary;   /* one sentence without full stop */
    const char *more;      /* further paragraphs for the man page, or NULL */
    const Option *options; /* ends with {}; NULL for none */
    size_t options_size;   /* of the struct that rows point into */
    const void *defaults;  /* such a struct, or NULL for all zero */
    OptionMode mode;
    int min, max; /* positional arguments; max -1 for any number */
    int (*run)(Cli *cli, const void *options, int argc, char **argv); /* returns the exit code */
};

/* The engine, connected at the first call; started where docs/architecture.md allows it. */
int cli_client(Cli *cli, Client **ret, Error *err);

/* Closes a connection that broke; the next cli_client makes a new one. */
void cli_disconnect(Cli *cli);

/* "tare: MESSAGE" on standard error; returns 1, the usual exit code of a failure. */
int cli_report(const Cli *cli, const Error *err);

/* The same with the hint to --help below, as for wrong option values; returns 125. */
int cli_report_usage(const Cli *cli, const Error *err);

/* Calls `act` with each argument. One failure is reported and does not stop the others; returns
 * the exit code. A NULL `act` result is printed by nobody: act prints what it likes. */
typedef int (*CliAct)(Client *client, const char *argument, void *data, Error *err);
int cli_each(Cli *cli, int argc, char **argv, CliAct act, void *data);
