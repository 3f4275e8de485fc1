// SPDX-License-Identifier: Apache-2.0
#include "engine/api/tare/pairs.h"

#include <string.h>

#include "base/text.h"

void pairs_read(JsonMap *to, char *const *from, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const char *equals = strchr(from[i], '=');
        autofree char *name =
            equals ? text_copy_n(from[i], (size_t)(equals - from[i])) : text_copy(from[i]);
        json_map_set(to, name, equals ? equals + 1 : "");
    }
}

char **pairs_copy(RpcCall *call, const JsonMap *map, size_t *ret_n) {
    char **pairs = rpc_call_alloc(call, (map->n + 1) * sizeof(char *));
    for (size_t i = 0; i < map->n; i++) {
        autofree char *pair = text_format("%s=%s", map->key[i], map->value[i]);
        pairs[i] = rpc_call_copy(call, pair);
    }
    *ret_n = map->n;
    return pairs;
}
