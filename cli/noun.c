// SPDX-License-Identifier: Apache-2.0
#include "cli/noun.h"

#include "base/text.h"

int noun_client(Cli *cli, const NounOptions *options, Client **ret, Error *err) {
    TRY(cli_client(cli, ret, err));
    client_set_namespace(*ret, options->space ? options->space : "tare");
    return 0;
}

typedef struct MapEntry {
    ProtobufCMessage base;
    char *key, *value;
} MapEntry;

char *noun_labels(void *entries, size_t n) {
    MapEntry **entry = entries;
    autodone(Text) text = {};
    for (size_t i = 0; i < n; i++)
        text_append_format(&text, "%s%s=%s", i ? "," : "", entry[i]->key, entry[i]->value);
    if (n == 0)
        text_append(&text, "-");
    return text_take(&text);
}
