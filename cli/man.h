// SPDX-License-Identifier: Apache-2.0
#pragma once

/* `tare __man [VERB…]`: the man page of tare, or of one verb, in man(7) on standard output, from
 * the tables that also drive parsing and --help. Returns the exit code. */
int man_print(int argc, char **argv);
