// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/container/record.h"
#include "engine/image/image.h"

/* `ps --filter`: "key=value". Filters of one key are alternatives (of labels: all must hold), those
 * of different keys must all hold. ERROR_INVALID: "invalid filter 'x'". *ret_status: one of them
 * asks for a state, so that containers which do not run are looked at, too. */
int filters_check(char *const *filters, size_t n, bool *ret_status, Error *err);
bool filters_match(char *const *filters, size_t n, const ContainerRecord *record, Images *images);
