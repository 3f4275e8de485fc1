// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/error.h"

/* A container must not be able to overwrite this program through /proc/PID/exe while one of its
 * processes still is, or is made to be, this program (CVE-2019-5736). */
int executable_protect(char **argv, Error *err);
