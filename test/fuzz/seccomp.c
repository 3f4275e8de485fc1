// SPDX-License-Identifier: Apache-2.0
#include "runtime/security/seccomp.h"

#include <stdlib.h>

#include "target.h"

/* linux.seccomp, as far as the program that goes into the kernel. Its size is the kernel's. */

enum {
    PROGRAM_MAX = 4096
};

/* libseccomp 2.5.4 forgets a chain when two rules for one system call meet; we end before it
 * counts.
 */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
    return "leak:libseccomp";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Error err = {};
    OciSeccomp config;
    Seccomp compiled;
    if (json_decode(&oci_seccomp_type, (const char *)data, size, &config, &err) >= 0) {
        free(config.listener_path); /* nobody listens */
        config.listener_path = NULL;
        if (seccomp_compile(&config, "/proc/nonexistent", &compiled, &err) >= 0 &&
            (!compiled.program || !compiled.length || compiled.length > PROGRAM_MAX))
            abort();
        seccomp_done(&compiled);
    }
    json_done(&oci_seccomp_type, &config);
    return 0;
}
