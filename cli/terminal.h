// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* The user's terminal. Raw mode is global to the process, as the terminal is: it is left by
 * terminal_restore, and by any exit(3) and fatal signal besides. */
bool terminal_is(int fd);

/* Raw input, output untouched by the driver; does nothing when fd is no terminal. */
int terminal_set_raw(int fd, Error *err);

/* Async-signal-safe; may be called at any time. */
void terminal_restore(void);

/* Asks the user on standard error and reads a line; without `echo` nobody sees what is typed. New
 * string. */
int terminal_ask(const char *question, bool echo, char **ret, Error *err);

typedef struct TerminalSize {
    uint16_t rows, columns; /* 0, 0: unknown */
} TerminalSize;
TerminalSize terminal_size(int fd);
