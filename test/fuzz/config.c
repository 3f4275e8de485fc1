// SPDX-License-Identifier: Apache-2.0
#include "runtime/container/config.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/namespace/namespace.h"
#include "runtime/rootfs/mount_option.h"
#include "runtime/security/procfs.h"
#include "target.h"

/* config.json: decoded and checked. What was encoded once comes out the same ever after. */

static char *encode_again(const char *text) {
    Error err = {};
    OciSpec spec;
    if (json_decode(&oci_spec_type, text, strlen(text), &spec, &err) < 0)
        abort();
    char *again = json_encode(&oci_spec_type, &spec, 2);
    json_done(&oci_spec_type, &spec);
    return again;
}

static void check_encoding(const OciSpec *spec) {
    autofree char *first = json_encode(&oci_spec_type, spec, 0);
    autofree char *second = encode_again(first), *third = encode_again(second);
    if (strcmp(second, third) != 0)
        abort();
}

/* Without a procfs every sysctl fails; its name has been taken apart by then. */
static void use(const OciSpec *spec) {
    Error err = {};
    const OciMount *mount = spec->mounts.item;
    for (size_t i = 0; i < spec->mounts.n; i++) {
        MountOptions options;
        mount_options_parse(&mount[i].options, &options);
        mount_options_done(&options);
    }
    for (size_t i = 0; spec->linux && i < spec->linux->sysctl.n; i++)
        (void)procfs_write_sysctl(
            -1, spec->linux->sysctl.key[i], spec->linux->sysctl.value[i], &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Error err = {};
    OciSpec spec;
    int r = json_decode(&oci_spec_type, (const char *)data, size, &spec, &err);
    if (r >= 0) {
        check_encoding(&spec);
        if (config_check(&spec, &err) >= 0)
            use(&spec);
    }
    json_done(&oci_spec_type, &spec);
    return 0;
}
