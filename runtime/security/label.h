// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>

#include "oci/runtime.h"

/* AppArmor profile and SELinux label of the program, set for the coming exec. */
bool label_is_wanted(const OciProcess *process);
int label_set(const OciProcess *process, int procfs, Error *err);
