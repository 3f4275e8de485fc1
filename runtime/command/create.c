// SPDX-License-Identifier: Apache-2.0
#include "runtime/command/bundle.h"

#define T BundleOptions
static const Option options[] = {BUNDLE_OPTIONS, {}};
#undef T

static int run(const Globals *globals, int argc, char **argv, Error *err) {
    BundleOptions parsed = {};
    autodone(Launch) launch = {.channel = -1, .container.dir = -1};
    LaunchOptions wanted;
    int first;
    int r = command_parse(&command_create, argc, argv, 1, 1, &parsed, &first, err);
    if (r)
        return r < 0 ? r : 0;
    autofree char *bundle = NULL;
    TRY(bundle_options(globals, &parsed, &bundle, &wanted, err));
    wanted.wait_for_start = true;
    TRY(launch_create(&launch, globals->root, argv[first], &wanted, err));
    bundle_warn(&launch);
    return 0;
}

const Command command_create = {"create", "ID",
    "make a container, up to the moment before its program runs", run, options,
    .meets_container = true, .as_runc = "runc create failed"};
