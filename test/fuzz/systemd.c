// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "runtime/cgroup/gvariant.h"
#include "runtime/cgroup/systemd_unit.h"
#include "target.h"

/* Texts that become names and values of a unit: annotations in GVariant's notation, cgroupsPath,
 * lists of CPUs, linux.resources. A path of a slice leads nowhere but below; what we write as a
 * value can be read. */

static void must_parse(const char *text) {
    autodone(GvariantValue) value = {};
    Error err = {};
    if (gvariant_parse(text, &value, &err) < 0)
        abort();
}

static void name_unit(const char *text) {
    SystemdUnit unit = {};
    Error err = {};
    autofree char *path = NULL, *mask = NULL;
    if (systemd_unit_parse(text, "id", false, &unit, &err) >= 0 && strpbrk(unit.name, "/\n "))
        abort();
    if (unit.slice && systemd_slice_path(unit.slice, &path, &err) >= 0 && strstr(path, "/../"))
        abort();
    systemd_unit_done(&unit);
    if (systemd_mask(text, &mask, &err) >= 0)
        must_parse(mask);
}

static void set_limits(const char *text, size_t size) {
    OciResources resources = {};
    JsonMap properties = {};
    Error err = {};
    if (json_decode(&oci_resources_type, text, size, &resources, &err) >= 0) {
        (void)systemd_limit_properties(&resources, true, &properties, &err);
        (void)systemd_limit_properties(&resources, false, &properties, &err);
        systemd_device_properties(&resources, &properties);
        if (resources.cpu)
            systemd_round_quota(resources.cpu);
        for (size_t i = 0; i < properties.n; i++)
            must_parse(properties.value[i]);
    }
    json_map_done(&properties);
    json_done(&oci_resources_type, &resources);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    autofree char *text = text_copy_n((const char *)data, size);
    autodone(GvariantValue) value = {};
    Error err = {};
    if (gvariant_parse(text, &value, &err) >= 0)
        (void)gvariant_seconds_to_usec(&value, &err);
    name_unit(text);
    set_limits(text, strlen(text));
    return 0;
}
