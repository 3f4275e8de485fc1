// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>

#include "base/error.h"
#include "base/json.h"

/* What containerd's services accept, with its bounds and texts. */

/* Namespaces, containers and leases: letters and digits, in between ".", "_" and "-". */
int check_identifier(const char *name, Error *err);

/* Names that clients choose freely: not empty, bounded, no control characters. */
int check_name(const char *what, const char *name, Error *err);

int check_labels(const JsonMap *labels, Error *err);

/* One path of a field mask: "labels" puts the given ones in place of all, "labels.KEY" only one; an
 * empty value removes it. False: the path is not about labels. */
bool labels_apply(JsonMap *labels, const JsonMap *given, const char *path);
void labels_copy(JsonMap *to, const JsonMap *from);
