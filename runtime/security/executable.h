// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/error.h"

/* A container must not be able to overwrite this program through /proc/PID/exe while one of its
 * processes still is, or is made to be, this program (CVE-2019-5736). */
int executable_protect(char **argv, Error *err);

/* Closes what is left of the protection, which protects on. The last to close it waits for a grace
 * period of the kernel: 25 µs, but milliseconds where all processors are busy. So init comes first,
 * and the runtime when it would wait for init anyway. */
void executable_release(void);
