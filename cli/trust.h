// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/error.h"
#include "base/option.h"

/* --disable-content-trust, which stands in scripts made for docker. Signatures are not verified
 * here, so that its default is all there is: who wants them verified must be told. */
#define TRUST_ROW(at)                                                                              \
    { 0, "disable-content-trust", OPTION_FLAG, at, NULL, "Skip image verification (default true)" }

/* ERROR_UNSUPPORTED: it was set to false. */
int trust_check(bool disabled, Error *err);
