// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/json.h"
#include "engine/rpc/call.h"

/* Maps as messages have them: "name=value" each. */
void pairs_read(JsonMap *to, char *const *from, size_t n);
char **pairs_copy(RpcCall *call, const JsonMap *map, size_t *ret_n); /* in the call's memory */
