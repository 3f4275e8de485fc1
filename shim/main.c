// SPDX-License-Identifier: Apache-2.0
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/option.h"
#include "base/text.h"
#include "shim/rootfs/user_namespace.h"
#include "shim/self.h"
#include "shim/shim.h"
#include "version.h"

enum {
    LAST_OUR_FD = 3 /* the socket that start hands to the server */
};

#define AT(member) offsetof(ShimArguments, member)
static const Option options[] = {
    {0, "address", OPTION_TEXT, AT(address), "string", "gRPC socket of the engine"},
    {0, "bundle", OPTION_TEXT, AT(bundle), "string", "bundle, for delete"},
    {0, "debug", OPTION_FLAG, AT(debug), NULL, "log more"},
    {0, "id", OPTION_TEXT, AT(id), "string", "id of the container"},
    {0, "info", OPTION_FLAG, AT(info), NULL, "print containerd.types.RuntimeInfo"},
    {0, "namespace", OPTION_TEXT, AT(name_space), "string", "namespace of the container"},
    {0, "publish-binary", OPTION_TEXT, AT(publish_binary), "string",
        "program that publishes events"},
    {0, "socket", OPTION_TEXT, AT(socket), "string", "path name of the ttrpc socket, for start"},
    {0, "v", OPTION_FLAG, AT(version), NULL, "print the version"},
    {0, "version", OPTION_FLAG, AT(version), NULL, NULL},
    {},
};

/* "" is what start spawns; the last is not for callers. */
static const struct {
    const char *name;
    int (*run)(const ShimArguments *arguments, Error *err);
} actions[] = {{"", shim_serve}, {"start", shim_start}, {"delete", shim_delete},
    {SHIM_USER_NAMESPACE, shim_user_namespace}};

static int print_version(const ShimArguments *arguments, Error *err) {
    printf("containerd-shim-tare-v2 %s, commit %s\n", TARE_VERSION, TARE_COMMIT);
    return 0;
}

static int run(const ShimArguments *arguments, const char *action, Error *err) {
    if (arguments->version)
        return print_version(arguments, err);
    if (arguments->info)
        return shim_info(arguments, err);
    if (text_is_empty(arguments->name_space))
        return error_set(err, ERROR_INVALID, "no namespace: -namespace is missing");
    for (size_t i = 0; i < array_size(actions); i++)
        if (strcmp(actions[i].name, action) == 0)
            return actions[i].run(arguments, err);
    return error_set(err, ERROR_INVALID, "unknown action '%s'", action);
}

int main(int argc, char **argv) {
    const OptionParse parse = {options, OPTION_ANYWHERE, .single_dash = true};
    ShimArguments arguments = {};
    Error err = {};
    int first = 0;
    self_path();
    /* what a careless caller left open must reach neither the server nor a container */
    close_range(LAST_OUR_FD + 1, ~0U, 0);
    int r = option_parse(&parse, argc, argv, &arguments, &first, &err);
    log_configure("containerd-shim-tare-v2", STDERR_FILENO, LOG_FORMAT_TEXT,
        arguments.debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
    if (r >= 0)
        r = run(&arguments, first < argc ? argv[first] : "", &err);
    if (r < 0)
        log_failure(LOG_LEVEL_ERROR, &err);
    return r < 0 ? 1 : 0;
}
