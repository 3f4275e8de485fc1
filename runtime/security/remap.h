// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>

/* Makes this running program, which has one thread, the program `file`, another way to the same
 * file: what is mapped from the old one is mapped from the new one, and /proc/self/exe leads to it.
 * False where the kernel refuses (it wants CAP_SYS_ADMIN and CONFIG_CHECKPOINT_RESTORE); then all
 * runs on as before. Running the program again would cost 2.5 times as much. */
bool remap_program(int file);
