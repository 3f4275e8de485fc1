// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdio.h>

#include "cli/cli.h"

/* Which words name which command. A row of the top level has no group; "container ls" and "ps" are
 * two rows of one command. */
typedef struct CommandRow {
    const char *group; /* "container", "image", or NULL */
    const char *name;
    const char *aliases; /* more names, separated by spaces, or NULL */
    const Command *command;
} CommandRow;

extern const CommandRow command_rows[]; /* ends with {} */

/* NULL when there is none. */
const CommandRow *command_find(const char *group, const char *name);

typedef struct CommandGroup {
    const char *name;
    const char *summary;
} CommandGroup;
extern const CommandGroup command_groups[]; /* ends with {} */
const CommandGroup *command_group_find(const char *name);

extern const Option global_options[];
typedef struct GlobalOptions {
    const char *host;
    const char *log_level;
    bool debug, version, help;
} GlobalOptions;

/* The command's own rows and --help, sorted by name, ending with {}; free(3) it. The help row
 * points at a bool at offset command->options_size. */
Option *command_options(const Command *command);

/* Name below "tare": "container ls". New string. */
char *command_row_name(const CommandRow *row);

void command_print_help(const Command *command, const char *name, FILE *out);
void group_print_help(const CommandGroup *group, FILE *out);
void program_print_help(FILE *out);

/* What may follow `words`, one a line, for the shell's completion: commands, or a command's
 * options. */
void command_print_words(int argc, char **argv, FILE *out);
