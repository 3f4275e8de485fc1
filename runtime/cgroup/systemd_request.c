// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/systemd_request.h"

#define T SystemdRequest
static const JsonField request_fields[] = {
    {"act", JSON_TEXT, JSON_AT(act), .flags = JSON_REQUIRED},
    {"unit", JSON_TEXT, JSON_AT(unit)},
    {"user", JSON_BOOL, JSON_AT(user)},
    {"pid", JSON_INT, JSON_AT(pid)},
    {"group", JSON_TEXT, JSON_AT(group)},
    {"properties", JSON_MAP, JSON_AT(properties)},
    {"annotations", JSON_MAP, JSON_AT(annotations)},
    {},
};
const JsonType systemd_request_type = {sizeof(T), request_fields};
#undef T

#define T SystemdAnswer
static const JsonField answer_fields[] = {
    {"code", JSON_INT, JSON_AT(code), .flags = JSON_REQUIRED},
    {"message", JSON_TEXT, JSON_AT(message)},
    {"controlGroup", JSON_TEXT, JSON_AT(control_group)},
    {},
};
const JsonType systemd_answer_type = {sizeof(T), answer_fields};
#undef T
