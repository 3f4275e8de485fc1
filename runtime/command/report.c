// SPDX-License-Identifier: Apache-2.0
#include "runtime/command/report.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"

#define T ContainerReport
static const JsonField report_fields[] = {
    {"ociVersion", JSON_TEXT, JSON_AT(oci_version), .flags = JSON_ALWAYS},
    {"id", JSON_TEXT, JSON_AT(id), .flags = JSON_ALWAYS},
    {"pid", JSON_INT, JSON_AT(pid), .flags = JSON_ALWAYS},
    {"status", JSON_TEXT, JSON_AT(status), .flags = JSON_ALWAYS},
    {"bundle", JSON_TEXT, JSON_AT(bundle), .flags = JSON_ALWAYS},
    {"rootfs", JSON_TEXT, JSON_AT(rootfs), .flags = JSON_ALWAYS},
    {"created", JSON_TEXT, JSON_AT(created), .flags = JSON_ALWAYS},
    {"annotations", JSON_MAP, JSON_AT(annotations)},
    {"owner", JSON_TEXT, JSON_AT(owner), .flags = JSON_ALWAYS},
    {},
};
const JsonType container_report_type = {sizeof(T), report_fields};
#undef T

/* The name of a uid of this machine, from its passwd file: no name service in a runtime. */
static char *owner_name(uid_t uid) {
    autodone(Text) passwd = {};
    Error ignored;
    if (uid == 0 || file_read(AT_FDCWD, "/etc/passwd", 1 << 20, &passwd, &ignored) < 0)
        return uid == 0 ? text_copy("root") : text_format("#%u", uid);
    char *rest = passwd.data;
    for (char *line; (line = strsep(&rest, "\n"));) {
        const char *name = strsep(&line, ":");
        strsep(&line, ":");
        const char *number = line ? strsep(&line, ":") : NULL;
        uint64_t found;
        if (number && text_parse_uint(number, "uid", &found, &ignored) >= 0 && found == uid)
            return text_copy(name);
    }
    return text_format("#%u", uid);
}

ContainerReport container_report(const Container *container) {
    const ContainerRecord *record = &container->record;
    ContainerStatus status = container_status(container);
    struct stat st = {};
    (void)fstat(container->dir, &st);
    return (ContainerReport){.oci_version = record->oci_version,
        .id = record->id,
        .pid = {true, status == CONTAINER_STOPPED ? 0 : record->pid.value},
        .status = (char *)(uintptr_t)container_status_name(status),
        .bundle = record->bundle,
        .rootfs = record->rootfs,
        .created = record->created,
        .annotations = record->annotations,
        .owner = owner_name(st.st_uid)};
}
