// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>

#include "oci/runtime.h"

/* AppArmor profile and SELinux label of the program, set for the coming exec. */
bool label_is_wanted(const OciProcess *process);

/* ERROR_INVALID: a label where SELinux is off. */
int label_check(const OciProcess *process, Error *err);
bool label_has_selinux(void);

/* process.selinuxLabel for keyrings that we make until label_unset_keyring. */
int label_set_keyring(const OciProcess *process, int procfs, Error *err);
int label_unset_keyring(const OciProcess *process, int procfs, Error *err);
int label_set(const OciProcess *process, int procfs, Error *err);
