// SPDX-License-Identifier: Apache-2.0
#include "shim/delegate_command.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/process.h"
#include "base/text.h"
#include "base/time.h"
#include "proto/containerd/runtime/bootstrap/v1/bootstrap.pb-c.h"
#include "proto/containerd/task/v3/task.pb-c.h"
#include "shim/self.h"

enum {
    ANSWER_MAX = 64 * 1024,
    COMPLAINT_MAX = 2048,
    OLDEST_VERSION = 2,
    NEWEST_VERSION = 3,
};
static const int64_t timeout = 60 * TIME_SECOND;

typedef struct JsonAnswer {
    JsonUint version;
    char *address, *protocol;
} JsonAnswer;
#define T JsonAnswer
static const JsonField answer_fields[] = {
    {"version", JSON_UINT, JSON_AT(version), .flags = JSON_REQUIRED},
    {"address", JSON_TEXT, JSON_AT(address), .flags = JSON_REQUIRED},
    {"protocol", JSON_TEXT, JSON_AT(protocol)},
    {},
};
static const JsonType answer_type = {sizeof(T), answer_fields};
#undef T

static int take(
    const char *address, const char *protocol, int version, DelegateAnswer *ret, Error *err) {
    static const char unix_scheme[] = "unix://";
    if (!text_is_empty(protocol) && !text_equal(protocol, "ttrpc"))
        return error_set(err, ERROR_UNSUPPORTED, "it speaks '%.40s', not ttrpc", protocol);
    if (version < OLDEST_VERSION || version > NEWEST_VERSION)
        return error_set(err, ERROR_UNSUPPORTED,
            "it speaks version %d of the Task service, not 2 or 3", version);
    const char *path =
        address && text_starts(address, unix_scheme) ? address + strlen(unix_scheme) : address;
    if (!path || !path_is_absolute(path))
        return error_set(
            err, ERROR_UNSUPPORTED, "'%.200s' is not the address of a unix socket", address);
    *ret = (DelegateAnswer){text_copy(path), version};
    return 0;
}

static int decode_json(const char *bytes, size_t n, DelegateAnswer *ret, Error *err) {
    JsonAnswer answer = {};
    int r = json_decode(&answer_type, bytes, n, &answer, err);
    if (r >= 0)
        r = take(answer.address, answer.protocol,
            answer.version.value <= INT32_MAX ? (int)answer.version.value : 0, ret, err);
    json_done(&answer_type, &answer);
    return r;
}

static int decode_protobuf(const char *bytes, size_t n, DelegateAnswer *ret, Error *err) {
    Containerd__Runtime__Bootstrap__V1__BootstrapResult *result =
        containerd__runtime__bootstrap__v1__bootstrap_result__unpack(
            NULL, n, (const uint8_t *)bytes);
    if (!result)
        return error_set(err, ERROR_CORRUPT, "its answer is malformed");
    int r = take(result->address, result->protocol, result->version, ret, err);
    containerd__runtime__bootstrap__v1__bootstrap_result__free_unpacked(result, NULL);
    return r;
}

int delegate_answer_decode(const char *bytes, size_t n, DelegateAnswer *ret, Error *err) {
    static const char version_tag = 0x08, address_tag = 0x12;
    if (n > 0 && (*bytes == version_tag || *bytes == address_tag))
        return decode_protobuf(bytes, n, ret, err);
    if (n > 0 && *bytes == '{')
        return decode_json(bytes, n, ret, err);
    autofree char *text = text_copy_n(bytes, n);
    text[strcspn(text, "\r\n")] = '\0';
    return take(text, "", OLDEST_VERSION, ret, err);
}

/* containerd's variables for shims; those that came from our own caller are not for this one. */
static char **make_environment(const DelegateOptions *with) {
    static const char *const names[] = {
        "TTRPC_ADDRESS=", "GRPC_ADDRESS=", "NAMESPACE=", "MAX_SHIM_VERSION="};
    const char *const values[] = {with->events, with->engine, with->name_space, "3"};
    char **result = new_array(char *, texts_count(environ) + array_size(names) + 1);
    size_t n = 0;
    for (char **item = environ; *item; item++) {
        bool replaced = false;
        for (size_t i = 0; i < array_size(names); i++)
            replaced |= text_starts(*item, names[i]);
        if (!replaced)
            result[n++] = text_copy(*item);
    }
    for (size_t i = 0; i < array_size(names); i++)
        result[n++] = text_format("%s%s", names[i], values[i] ? values[i] : "");
    return result;
}

/* The end of what it wrote to standard error, on one line. */
static char *read_complaint(int fd) {
    char buffer[COMPLAINT_MAX];
    off_t size = lseek(fd, 0, SEEK_END);
    off_t from = size > COMPLAINT_MAX ? size - COMPLAINT_MAX : 0;
    ssize_t n = pread(fd, buffer, sizeof buffer, from);
    while (n > 0 && strchr(" \r\n", buffer[n - 1]))
        n--;
    for (ssize_t i = 0; i < n; i++)
        if (buffer[i] == '\n')
            buffer[i] = ' ';
    return text_copy_n(buffer, n > 0 ? (size_t)n : 0);
}

static int run(const DelegateOptions *with, const char *action, Text *ret_output, Error *err) {
    const char *const argv[] = {with->program, "-namespace", with->name_space, "-address",
        with->engine ? with->engine : "", "-publish-binary", self_path(), "-id", with->id,
        "-bundle", with->bundle, action, NULL};
    autotexts char **environment = make_environment(with);
    autoclose int complaints = memfd_create("shim", MFD_CLOEXEC);
    ProcessSpawn spawn = PROCESS_SPAWN_INIT;
    int status = 0;
    spawn.argv = argv;
    spawn.environ = (const char *const *)environment;
    spawn.directory = with->bundle;
    spawn.fds[2] = complaints;
    TRY(process_run(&spawn, ANSWER_MAX, timeout, ret_output, &status, err));
    if (process_exit_code(status) == 0)
        return 0;
    autofree char *complaint = read_complaint(complaints);
    return error_set(err, ERROR_INTERNAL, "'%s %s' failed with status %d%s%s", with->program,
        action, process_exit_code(status), *complaint ? ": " : "", complaint);
}

int delegate_command_start(const DelegateOptions *with, DelegateAnswer *ret, Error *err) {
    autodone(Text) output = {};
    TRY(run(with, "start", &output, err));
    if (delegate_answer_decode(output.data, output.length, ret, err) < 0)
        return error_prefix(err, "'%s start'", with->program);
    return 0;
}

int delegate_command_delete(const DelegateOptions *with, int *ret_exit_code, Error *err) {
    autodone(Text) output = {};
    TRY(run(with, "delete", &output, err));
    Containerd__Task__V3__DeleteResponse *response = containerd__task__v3__delete_response__unpack(
        NULL, output.length, (const uint8_t *)output.data);
    if (!response)
        return error_set(err, ERROR_CORRUPT, "'%s delete': malformed answer", with->program);
    *ret_exit_code = (int)response->exit_status;
    containerd__task__v3__delete_response__free_unpacked(response, NULL);
    return 0;
}
