// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "runtime/checkpoint/criu.h"
#include "runtime/checkpoint/wire.h"

/* criu's answers. The bytes come from a program of this machine, which reads images that do not:
 * nothing in them is trusted to be well formed. */

/* Fields of an answer. */
enum {
    REPLY_TYPE = 1,
    REPLY_SUCCESS = 2,
    REPLY_NOTIFY = 5,
    REPLY_ERRNO = 7,
    REPLY_FEATURES = 8,
    REPLY_MESSAGE = 9,
    REPLY_VERSION = 10
};

enum {
    VERSION_PART_MAX = 99
};

static WireReader reader_of(const WireField *field) {
    return (WireReader){.at = field->bytes, .n = field->n};
}

/* As a string: a zero byte ends it. */
static void set_text(char **ret, const WireField *field) {
    free(*ret);
    *ret = text_copy_n(field->bytes, field->n);
}

static int decode_notify(const WireField *message, CriuReply *ret, Error *err) {
    WireReader reader = reader_of(message);
    WireField field;
    int r;
    while ((r = wire_next(&reader, &field, err)) > 0)
        if (field.number == 1 && field.is_bytes)
            set_text(&ret->script, &field);
        else if (field.number == 2 && !field.is_bytes)
            ret->pid = (int)field.value;
    return r;
}

static int decode_features(const WireField *message, CriuReply *ret, Error *err) {
    WireReader reader = reader_of(message);
    WireField field;
    int r;
    while ((r = wire_next(&reader, &field, err)) > 0)
        if (field.number == 1)
            ret->features.track_memory = field.value == 1;
        else if (field.number == 2)
            ret->features.lazy_pages = field.value == 1;
    return r;
}

static int decode_version(const WireField *message, CriuReply *ret, Error *err) {
    WireReader reader = reader_of(message);
    int part[5] = {}, r; /* 1 major, 2 minor, 4 sublevel */
    WireField field;
    while ((r = wire_next(&reader, &field, err)) > 0)
        if (field.number < 5 && field.value >= 0 && field.value <= VERSION_PART_MAX)
            part[field.number] = (int)field.value;
    ret->version = part[1] * 10000 + part[2] * 100 + part[4];
    return r;
}

static int decode_field(const WireField *field, CriuReply *ret, Error *err) {
    static const struct {
        unsigned number;
        int (*decode)(const WireField *message, CriuReply *ret, Error *err);
    } messages[] = {{REPLY_NOTIFY, decode_notify}, {REPLY_FEATURES, decode_features},
        {REPLY_VERSION, decode_version}};
    if (!field->is_bytes) {
        if (field->number == REPLY_TYPE)
            ret->type = (int)field->value;
        if (field->number == REPLY_SUCCESS)
            ret->success = field->value == 1;
        if (field->number == REPLY_ERRNO)
            ret->code = (int)field->value;
        return 0;
    }
    if (field->number == REPLY_MESSAGE)
        set_text(&ret->message, field);
    for (size_t i = 0; i < sizeof messages / sizeof *messages; i++)
        if (field->number == messages[i].number)
            return messages[i].decode(field, ret, err);
    return 0;
}

int criu_reply_decode(const char *bytes, size_t n, CriuReply *ret, Error *err) {
    WireReader reader = {.at = bytes, .n = n};
    WireField field;
    int r;
    *ret = (CriuReply){};
    while ((r = wire_next(&reader, &field, err)) > 0) {
        r = decode_field(&field, ret, err);
        if (r < 0)
            break;
    }
    if (r >= 0 && !ret->type && ret->success)
        r = error_set(err, ERROR_CORRUPT, "malformed message");
    if (r < 0)
        criu_reply_done(ret);
    return r;
}

void criu_reply_done(CriuReply *reply) {
    free(reply->script);
    free(reply->message);
    *reply = (CriuReply){};
}
