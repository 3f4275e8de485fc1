// SPDX-License-Identifier: Apache-2.0
#include "runtime/container/features.h"

#include <stdio.h>

#include "runtime/command/command.h"

static const Option options[] = {{}};

static int run(const Globals *globals, int argc, char **argv, Error *err) {
    struct {
        int none;
    } parsed;
    int first;
    int r = command_parse(&command_features, argc, argv, 0, 0, &parsed, &first, err);
    if (r)
        return r < 0 ? r : 0;
    autofree char *text = features_encode();
    puts(text);
    return 0;
}

const Command command_features = {
    "features", "", "print what this runtime can do, as JSON", run, options};
