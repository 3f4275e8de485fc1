// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/systemd_version.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* systemd's NEWS; what is not here is as old as SYSTEMD_OLDEST. */
typedef struct Since {
    const char *name, *value; /* NULL: any */
    unsigned version;
} Since;

static const Since since[] = {
    {"AllowedCPUs", NULL, 244}, {"AllowedMemoryNodes", NULL, 244},
    {"CPUQuotaPeriodUSec", NULL, 242}, {"CPUWeight", "uint64 0", 252}, /* idle */
    {"OOMPolicy", NULL, 251},                                          /* of scopes */
};

int systemd_version_parse(const char *text, unsigned *ret, Error *err) {
    const char *digits = text + (*text == 'v');
    unsigned long version = isdigit((unsigned char)*digits) ? strtoul(digits, NULL, 10) : 0;
    if (!version || version > 99999)
        return error_set(err, ERROR_UNSUPPORTED, "systemd has an unknown version: \"%s\"", text);
    if (version < SYSTEMD_OLDEST) /* it has no name for all devices of a major number */
        return error_set(err, ERROR_UNSUPPORTED,
            "systemd %lu is too old to make the cgroups of containers: %d is the oldest that can be "
            "told their devices (without --systemd-cgroup it is not asked)",
            version, SYSTEMD_OLDEST);
    return *ret = (unsigned)version, 0;
}

bool systemd_version_knows(unsigned version, const char *name, const char *value) {
    for (size_t i = 0; i < array_size(since); i++)
        if (strcmp(since[i].name, name) == 0 &&
            (!since[i].value || strcmp(since[i].value, value) == 0))
            return version >= since[i].version;
    return true;
}
