// SPDX-License-Identifier: Apache-2.0
#include "shim/record.h"

#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/text.h"

#define T ShimRecord
static const JsonField record_fields[] = {
    {"socket", JSON_TEXT, JSON_AT(socket)},
    {"group", JSON_TEXT, JSON_AT(group)},
    {"attachSocket", JSON_TEXT, JSON_AT(attach_socket)},
    {"runtime", JSON_TEXT, JSON_AT(runtime)},
    {"runtimeRoot", JSON_TEXT, JSON_AT(runtime_root)},
    {"exitRecord", JSON_TEXT, JSON_AT(exit_record)},
    {"systemdCgroup", JSON_BOOL, JSON_AT(systemd_cgroup)},
    {"pid", JSON_INT, JSON_AT(pid)},
    {"delegate", JSON_TEXT, JSON_AT(delegate)},
    {"delegateAddress", JSON_TEXT, JSON_AT(delegate_address)},
    {"namespace", JSON_TEXT, JSON_AT(name_space)},
    {"engine", JSON_TEXT, JSON_AT(engine)},
    {"delegateVersion", JSON_INT, JSON_AT(delegate_version)},
    {"runtimeArguments", JSON_TEXTS, JSON_AT(runtime_arguments)},
    {},
};
static const JsonType record_type = {sizeof(T), record_fields};
#undef T

enum {
    RECORD_MAX = 65536
};

int shim_record_load(const char *bundle, ShimRecord *ret, Error *err) {
    autoclose int directory = -1;
    autodone(Text) text = {};
    TRY(file_open(AT_FDCWD, bundle, O_PATH | O_DIRECTORY, 0, &directory, err));
    TRY(file_read(directory, SHIM_RECORD_NAME, RECORD_MAX, &text, err));
    return json_decode(&record_type, text.data, text.length, ret, err);
}

int shim_record_save(const char *bundle, const ShimRecord *record, Error *err) {
    autoclose int directory = -1;
    autofree char *text = json_encode(&record_type, record, 0);
    TRY(file_open(AT_FDCWD, bundle, O_RDONLY | O_DIRECTORY, 0, &directory, err));
    return file_write(directory, SHIM_RECORD_NAME, text, strlen(text), 0600, false, err);
}

void shim_record_done(ShimRecord *record) {
    json_done(&record_type, record);
}
