// SPDX-License-Identifier: Apache-2.0
#include "cli/noun.h"

#include "base/text.h"

int noun_client(Cli *cli, const NounOptions *options, Client **ret, Error *err) {
    TRY(cli_client(cli, ret, err));
    client_set_namespace(*ret, options->space ? options->space : "tare");
    return 0;
}

int noun_each(Cli *cli, const NounOptions *options, int argc, char **argv, CliAct act) {
    NounOptions data = *options;
    Error err = {};
    Client *client = NULL;
    if (noun_client(cli, options, &client, &err) < 0)
        return cli_report(cli, &err);
    return cli_each(cli, argc, argv, act, &data);
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
