// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "cli/client.h"
#include "cli/command/command.h"

/* The low-level nouns (content, snapshot, lease, namespace, task, event) are containerd's services:
 * what ctr does, in the engine's own namespace unless told otherwise. */
typedef struct NounOptions {
    const char *space;
    bool quiet, sync, no_children;
    OptionTexts filters, labels;
    const char *text, *digest; /* what the command wants besides */
} NounOptions;

#define NOUN_SPACE                                                                                 \
    {                                                                                              \
        'n', "namespace", OPTION_TEXT, offsetof(NounOptions, space), "string",                     \
            "Namespace (default \"tare\", the engine's own)"                                       \
    }
#define NOUN_QUIET                                                                                 \
    { 'q', "quiet", OPTION_FLAG, offsetof(NounOptions, quiet), NULL, "Only show names" }
#define NOUN_FILTER                                                                                \
    {                                                                                              \
        'f', "filter", OPTION_TEXTS, offsetof(NounOptions, filters), "filter",                     \
            "containerd's filter, e.g. labels.\"key\"==value"                                      \
    }

/* Connected, for calls in the namespace. */
int noun_client(Cli *cli, const NounOptions *options, Client **ret, Error *err);

/* cli_each in the namespace; the act's data are the options. */
int noun_each(Cli *cli, const NounOptions *options, int argc, char **argv, CliAct act);

/* "k=v,k=v", "-" for none, of map entries as protobuf-c makes them. New string. */
char *noun_labels(void *entries, size_t n);
