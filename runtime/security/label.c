// SPDX-License-Identifier: Apache-2.0
#include "runtime/security/label.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "runtime/security/procfs.h"

bool label_is_wanted(const OciProcess *process) {
    return !text_is_empty(process->apparmor_profile) || !text_is_empty(process->selinux_label);
}

/* Linux 5.8 has a folder for each module; before, the first module owned the file. */
static int set_apparmor(const char *profile, int procfs, Error *err) {
    autofree char *value = text_format("exec %s", profile);
    int r = procfs_write(procfs, "self/attr/apparmor/exec", value, err);
    if (r == ERROR_NOT_FOUND)
        r = procfs_write(procfs, "self/attr/exec", value, err);
    return r < 0 ? error_prefix(err, "process.apparmorProfile") : 0;
}

int label_set(const OciProcess *process, int procfs, Error *err) {
    if (!text_is_empty(process->apparmor_profile))
        TRY(set_apparmor(process->apparmor_profile, procfs, err));
    if (!text_is_empty(process->selinux_label) &&
        procfs_write(procfs, "self/attr/exec", process->selinux_label, err) < 0)
        return error_prefix(err, "process.selinuxLabel");
    return 0;
}
