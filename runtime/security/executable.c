// SPDX-License-Identifier: Apache-2.0
#include "runtime/security/executable.h"

int executable_protect(char **argv, Error *err) {
    return 0;
}
