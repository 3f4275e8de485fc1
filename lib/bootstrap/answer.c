// SPDX-License-Identifier: Apache-2.0
#include "bootstrap/answer.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/path.h"
#include "proto/containerd/runtime/bootstrap/v1/bootstrap.pb-c.h"

typedef Containerd__Runtime__Bootstrap__V1__BootstrapResult Result;

enum {
    OLDEST_VERSION = 2,
    NEWEST_VERSION = 3,
};
static const char unix_scheme[] = "unix://";

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
    const char *address, const char *protocol, int version, BootstrapAnswer *ret, Error *err) {
    if (!text_is_empty(protocol) && !text_equal(protocol, "ttrpc"))
        return error_set(err, ERROR_UNSUPPORTED, "it speaks '%.40s', not ttrpc", protocol);
    if (version < OLDEST_VERSION || version > NEWEST_VERSION)
        return error_set(err, ERROR_UNSUPPORTED,
            "it speaks version %d of the Task service, not 2 or 3", version);
    const char *path =
        address && text_starts(address, unix_scheme) ? address + strlen(unix_scheme) : address;
    if (!path || !path_is_absolute(path))
        return error_set(err, ERROR_UNSUPPORTED, "'%.200s' is not the address of a unix socket",
            address ? address : "");
    *ret = (BootstrapAnswer){text_copy(path), version};
    return 0;
}

static int decode_json(const char *bytes, size_t n, BootstrapAnswer *ret, Error *err) {
    JsonAnswer answer = {};
    int r = json_decode(&answer_type, bytes, n, &answer, err);
    if (r >= 0)
        r = take(answer.address, answer.protocol,
            answer.version.value <= INT32_MAX ? (int)answer.version.value : 0, ret, err);
    json_done(&answer_type, &answer);
    return r;
}

static int decode_protobuf(const char *bytes, size_t n, BootstrapAnswer *ret, Error *err) {
    Result *result = containerd__runtime__bootstrap__v1__bootstrap_result__unpack(
        NULL, n, (const uint8_t *)bytes);
    if (!result)
        return error_set(err, ERROR_CORRUPT, "its answer is malformed");
    int r = take(result->address, result->protocol, result->version, ret, err);
    containerd__runtime__bootstrap__v1__bootstrap_result__free_unpacked(result, NULL);
    return r;
}

int bootstrap_answer_decode(const char *bytes, size_t n, BootstrapAnswer *ret, Error *err) {
    static const char version_tag = 0x08, address_tag = 0x12;
    if (n > 0 && (*bytes == version_tag || *bytes == address_tag))
        return decode_protobuf(bytes, n, ret, err);
    if (n > 0 && *bytes == '{')
        return decode_json(bytes, n, ret, err);
    autofree char *text = text_copy_n(bytes, n);
    text[strcspn(text, " \t\r\n")] = '\0';
    return take(text, "", OLDEST_VERSION, ret, err);
}

static void encode_json(char *address, int version, Text *out) {
    const JsonAnswer answer = {{true, (uint64_t)version}, address, (char *)"ttrpc"};
    autofree char *json = json_encode(&answer_type, &answer, 0);
    text_append(out, json);
}

static void encode_protobuf(char *address, int version, Text *out) {
    Result result = CONTAINERD__RUNTIME__BOOTSTRAP__V1__BOOTSTRAP_RESULT__INIT;
    result.version = version;
    result.address = address;
    result.protocol = (char *)"ttrpc";
    size_t n = protobuf_c_message_get_packed_size(&result.base);
    autofree uint8_t *packed = memory_new(n + 1);
    protobuf_c_message_pack(&result.base, packed);
    text_append_bytes(out, (const char *)packed, n);
}

void bootstrap_answer_encode(const BootstrapAnswer *answer, BootstrapForm form, Text *out) {
    autofree char *address = text_format("%s%s", unix_scheme, answer->address);
    switch (form) {
    case BOOTSTRAP_ADDRESS:
        text_append(out, address);
        break;
    case BOOTSTRAP_JSON:
        encode_json(address, answer->version, out);
        break;
    case BOOTSTRAP_PROTOBUF:
        encode_protobuf(address, answer->version, out);
        break;
    }
}

void bootstrap_answer_done(BootstrapAnswer *answer) {
    free(answer->address);
    *answer = (BootstrapAnswer){};
}
