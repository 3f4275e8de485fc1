// SPDX-License-Identifier: Apache-2.0
/* Prints the default seccomp profile of Docker, as the engine has it, in config.json's words. */
#include "engine/container/spec/seccomp.h"

#include <stdio.h>

#include "base/json.h"
#include "base/memory.h"
#include "oci/runtime_seccomp.h"

int main(void) {
    JsonTexts none = {};
    return puts(json_encode(&oci_seccomp_type, seccomp_default(&none), 0)) < 0;
}
