// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/process.h"
#include "base/text.h"
#include "base/time.h"
#include "proto/containerd/types/introspection.pb-c.h"
#include "shim/containerd/options.h"
#include "shim/runtime.h"
#include "shim/shim.h"
#include "version.h"

/* -info: what containerd asks before it uses a shim, and for the features of the OCI runtime below
 * it: without them it offers a pod neither user namespaces nor recursive read-only mounts. */
enum {
    INPUT_MAX = 10 << 20,
    FEATURES_MAX = 1 << 20
};
static const int64_t features_timeout = 10 * TIME_SECOND;
static const char features_type[] =
    "types.containerd.io/opencontainers/runtime-spec/1/features/Features";

static int read_options(Google__Protobuf__Any **ret, Error *err) {
    autodone(Text) input = {};
    if (isatty(STDIN_FILENO))
        return 0;
    TRY(fd_read_all(STDIN_FILENO, INPUT_MAX, &input, err));
    if (input.length == 0)
        return 0;
    *ret = google__protobuf__any__unpack(NULL, input.length, (const uint8_t *)input.data);
    return *ret ? 0 : error_set(err, ERROR_INVALID, "malformed options on standard input");
}

static int read_features(const char *binary, Text *ret, Error *err) {
    const char *const argv[] = {binary, "features", NULL};
    ProcessSpawn spawn = PROCESS_SPAWN_INIT;
    spawn.argv = argv;
    int status = 0;
    TRY(process_run(&spawn, FEATURES_MAX, features_timeout, ret, &status, err));
    if (status != 0)
        return error_set(err, ERROR_UNSUPPORTED, "'%s' does not tell its features", binary);
    return 0;
}

static int print(const Containerd__Types__RuntimeInfo *info, Error *err) {
    autodone(Text) packed = {};
    text_reserve(&packed, containerd__types__runtime_info__get_packed_size(info) + 1);
    packed.length = containerd__types__runtime_info__pack(info, (uint8_t *)packed.data);
    return fd_write_all(STDOUT_FILENO, packed.data, packed.length, err);
}

static int describe(Google__Protobuf__Any *given, Error *err) {
    Containerd__Types__RuntimeInfo info = CONTAINERD__TYPES__RUNTIME_INFO__INIT;
    Containerd__Types__RuntimeVersion version = CONTAINERD__TYPES__RUNTIME_VERSION__INIT;
    Google__Protobuf__Any features = GOOGLE__PROTOBUF__ANY__INIT;
    autodone(Text) text = {};
    autofree char *binary = NULL;
    TaskOptions options = {};
    Error problem = {};
    version.version = (char *)TARE_VERSION;
    version.revision = (char *)TARE_COMMIT;
    info.name = (char *)"io.containerd.tare.v2";
    info.version = &version;
    info.options = given;
    TRY(task_options_decode(given, "", &options, err));
    int r = runtime_find(options.runtime, &binary, err);
    task_options_done(&options);
    TRY(r);
    if (read_features(binary, &text, &problem) < 0)
        log_failure(LOG_LEVEL_DEBUG, &problem);
    else {
        features.type_url = (char *)features_type;
        features.value = (ProtobufCBinaryData){text.length, (uint8_t *)text.data};
        info.features = &features;
    }
    return print(&info, err);
}

int shim_info(const ShimArguments *arguments, Error *err) {
    Google__Protobuf__Any *options = NULL;
    TRY(read_options(&options, err));
    int r = describe(options, err);
    if (options)
        google__protobuf__any__free_unpacked(options, NULL);
    return r;
}
