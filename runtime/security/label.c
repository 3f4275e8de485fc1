// SPDX-License-Identifier: Apache-2.0
#include "runtime/security/label.h"

#include <linux/magic.h>
#include <sys/vfs.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "runtime/security/procfs.h"

bool label_is_wanted(const OciProcess *process) {
    return !text_is_empty(process->apparmor_profile) || !text_is_empty(process->selinux_label);
}

/* As libselinux and the reference runtimes ask: selinuxfs is mounted only where SELinux is on. */
bool label_has_selinux(void) {
    struct statfs fs;
    return statfs("/sys/fs/selinux", &fs) == 0 && (unsigned long)fs.f_type == SELINUX_MAGIC;
}

int label_check(const OciProcess *process, Error *err) {
    if (text_is_empty(process->selinux_label) || label_has_selinux())
        return 0;
    return error_set(err, ERROR_INVALID,
        "process.selinuxLabel: selinux label is specified in config, but selinux is disabled or not "
        "supported");
}

static int write_keyring_label(
    const OciProcess *process, const char *label, int procfs, Error *err) {
    if (text_is_empty(process->selinux_label))
        return 0;
    if (procfs_write(procfs, "self/attr/keycreate", label, err) < 0)
        return error_prefix(err, "process.selinuxLabel");
    return 0;
}

int label_set_keyring(const OciProcess *process, int procfs, Error *err) {
    return write_keyring_label(process, process->selinux_label, procfs, err);
}

/* A line break alone takes the label away (security/selinux/hooks.c). */
int label_unset_keyring(const OciProcess *process, int procfs, Error *err) {
    return write_keyring_label(process, "\n", procfs, err);
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
