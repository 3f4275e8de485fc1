// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "oci/runtime.h"

/* The configuration that `spec` writes; rootless: for a user without privileges. */
int example_make(bool rootless, OciSpec *ret, Error *err);
