// SPDX-License-Identifier: Apache-2.0
#include "shim/containerd/bootstrap.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/text.h"
#include "proto/containerd/runtime/bootstrap/v1/bootstrap.pb-c.h"
#include "shim/containerd/options.h"

typedef Containerd__Runtime__Bootstrap__V1__BootstrapParams Params;

enum {
    INPUT_MAX = 10 << 20, /* as containerd's own shims */
    LEVEL_DEBUG = -4,
    VERSION = 3
};

/* The runtime's options: Create brings them again, and finds what is wrong with them. */
static void take_options(
    const ShimArguments *arguments, const Google__Protobuf__Any *any, Bootstrap *ret) {
    TaskOptions options = {};
    Error ignored;
    if (task_options_decode(any, arguments->name_space, &options, &ignored) < 0)
        return;
    if (options.shim_cgroup)
        ret->cgroup = take_ptr(&options.shim_cgroup);
    task_options_done(&options);
}

static int take_params(
    const ShimArguments *arguments, const Params *params, Bootstrap *ret, Error *err) {
    ret->form = BOOTSTRAP_PROTOBUF;
    ret->debug = ret->debug || params->log_level <= LEVEL_DEBUG;
    ret->address = text_copy(params->containerd_grpc_address);
    ret->publish_binary = text_copy(params->containerd_binary);
    if (*params->containerd_ttrpc_address)
        setenv("TTRPC_ADDRESS", params->containerd_ttrpc_address, 1);
    for (size_t i = 0; i < params->n_extensions; i++)
        take_options(arguments, params->extensions[i]->value, ret);
    if (!*params->socket_dir)
        return 0;
    if (!path_is_absolute(params->socket_dir))
        return error_set(err, ERROR_INVALID, "socket directory '%.200s' is not an absolute path",
            params->socket_dir);
    ret->socket_directory = text_copy(params->socket_dir);
    return 0;
}

/* An Any may decode as BootstrapParams too (both begin with a string and bytes), hence the look at
 * the identity, which containerd's own shims take as well. */
static int take_input(
    const ShimArguments *arguments, const Text *input, Bootstrap *ret, Error *err) {
    const uint8_t *data = (const uint8_t *)input->data;
    Params *params =
        containerd__runtime__bootstrap__v1__bootstrap_params__unpack(NULL, input->length, data);
    if (params && text_equal(params->instance_id, arguments->id) &&
        text_equal(params->namespace_, arguments->name_space)) {
        int r = take_params(arguments, params, ret, err);
        containerd__runtime__bootstrap__v1__bootstrap_params__free_unpacked(params, NULL);
        return r;
    }
    if (params)
        containerd__runtime__bootstrap__v1__bootstrap_params__free_unpacked(params, NULL);
    Google__Protobuf__Any *any = google__protobuf__any__unpack(NULL, input->length, data);
    if (any)
        take_options(arguments, any, ret);
    if (any)
        google__protobuf__any__free_unpacked(any, NULL);
    return 0;
}

static bool knows_json(void) {
    const char *version = getenv("MAX_SHIM_VERSION");
    return version && text_equal(version, "3");
}

static void fall_back(char **text, const char *otherwise) {
    if (!text_is_empty(*text))
        return;
    free(*text);
    *text = text_copy(otherwise);
}

int bootstrap_read(const ShimArguments *arguments, Bootstrap *ret, Error *err) {
    autodone(Text) input = {};
    ret->form = knows_json() ? BOOTSTRAP_JSON : BOOTSTRAP_ADDRESS;
    ret->debug = arguments->debug;
    if (text_is_empty(arguments->socket) && !isatty(STDIN_FILENO))
        TRY(fd_read_all(STDIN_FILENO, INPUT_MAX, &input, err));
    if (input.length)
        TRY(take_input(arguments, &input, ret, err));
    fall_back(&ret->address, arguments->address);
    fall_back(&ret->publish_binary, arguments->publish_binary);
    return 0;
}

int bootstrap_answer(const Bootstrap *bootstrap, const char *socket, Error *err) {
    autodone(Text) out = {};
    const BootstrapAnswer answer = {(char *)(uintptr_t)socket, VERSION};
    bootstrap_answer_encode(&answer, bootstrap->form, &out);
    return fd_write_all(STDOUT_FILENO, out.data, out.length, err);
}

void bootstrap_done(Bootstrap *bootstrap) {
    free(bootstrap->address);
    free(bootstrap->publish_binary);
    free(bootstrap->socket_directory);
    free(bootstrap->cgroup);
    *bootstrap = (Bootstrap){};
}
