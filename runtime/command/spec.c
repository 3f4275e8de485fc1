// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "base/path.h"
#include "runtime/command/command.h"
#include "runtime/container/example.h"

typedef struct SpecOptions {
    const char *bundle;
    bool rootless;
} SpecOptions;

#define T SpecOptions
static const Option options[] = {
    {'b', "bundle", OPTION_TEXT, offsetof(T, bundle), "directory",
        "where config.json goes (default: here)"},
    {0, "rootless", OPTION_FLAG, offsetof(T, rootless), NULL, "for a user without privileges"},
    {},
};
#undef T

static int write_spec(const char *bundle, const OciSpec *spec, Error *err) {
    autofree char *path = path_join(bundle, "config.json");
    autofree char *text = json_encode(&oci_spec_type, spec, 4);
    autofree char *line = text_format("%s\n", text);
    if (file_exists(AT_FDCWD, path))
        return error_set(err, ERROR_EXISTS, "File config.json exists. Remove it first");
    return file_write(AT_FDCWD, path, line, strlen(line), 0666, false, err);
}

static int run(const Globals *globals, int argc, char **argv, Error *err) {
    SpecOptions parsed = {};
    OciSpec spec = {};
    int first;
    int r = command_parse(&command_spec, argc, argv, 0, 0, &parsed, &first, err);
    if (r)
        return r < 0 ? r : 0;
    TRY(example_make(parsed.rootless, &spec, err));
    r = write_spec(parsed.bundle ? parsed.bundle : ".", &spec, err);
    json_done(&oci_spec_type, &spec);
    return r;
}

const Command command_spec = {"spec", "", "write an example config.json", run, options};
