// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "oci/runtime.h"

/* config.json read and checked. Decoding checks types; these checks are about meaning. */

/* name: the file's, in directory or absolute; NULL: config.json. ret_text: the file's bytes as they
 * are, for the copy in the state directory; may be NULL. */
int config_load(const char *directory, const char *name, OciSpec *ret, char **ret_text, Error *err);
int config_load_at(int dir, const char *name, OciSpec *ret, Error *err);

int config_check(const OciSpec *spec, Error *err);
int config_check_process(const OciProcess *process, Error *err);
