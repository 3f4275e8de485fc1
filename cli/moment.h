// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"
#include "base/option.h"

/* A point in time as users write it: "2013-01-02T13:23:37.5Z" and shorter ("2013-01-02T13:23",
 * "2013-01-02", local time zone when none is given), seconds since 1970 ("1357133017.5"), or a
 * duration before now ("1h30m"). ERROR_INVALID names `what`. */
int moment_parse(const char *text, const char *what, int64_t now, int64_t *ret, Error *err);

/* Filters as the engine wants them: "until=10m" becomes "until=SECONDS.NANOSECONDS". */
int moment_filters(const OptionTexts *filters, JsonTexts *ret, Error *err);
