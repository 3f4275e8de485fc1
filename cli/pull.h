// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stdio.h>

#include "cli/cli.h"

/* Pulls an image and shows how it goes: for `pull`, and for `run` and `create` of an image that is
 * not here. */
typedef struct PullOptions {
    const char *reference, *platform; /* platform: NULL for this machine's */
    bool all;                         /* tags of the repository */
    bool quiet;                       /* nothing but the canonical name */
    bool silent_name;                 /* nor a word on names: `run` has said all */
    FILE *out;
} PullOptions;

int pull_image(Cli *cli, const PullOptions *options, Error *err);
