// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "runtime/container/container.h"

enum {
    REMAINS_MAX = 1 << 20,
    DEPTH_MAX = 8,
    FIELDS_MAX = 32
};

/* A document that breaks off, up to its last whole member, with the brackets that are missing. */
static char *close_document(const char *text) {
    char open[DEPTH_MAX + 1] = "", kept[DEPTH_MAX + 1] = "";
    size_t depth = 0, length = 0;
    bool quoted = false;
    for (const char *c = text; *c; c++) {
        bool opens = *c == '{' || *c == '[', closes = *c == '}' || *c == ']';
        if (*c == '"')
            quoted = !quoted;
        else if (quoted && *c == '\\' && c[1])
            c++;
        if (quoted || *c == '"' || (!opens && !closes && *c != ','))
            continue;
        if ((opens && depth == DEPTH_MAX) || (closes && depth == 0))
            break;
        if (opens)
            open[depth++] = *c == '{' ? '}' : ']';
        else if (closes)
            depth--;
        length = (size_t)(c - text) + (*c != ',');
        memcpy(kept, open, depth);
        kept[depth] = '\0';
    }
    Text out = {};
    text_append_bytes(&out, text, length);
    for (size_t i = strlen(kept); i-- > 0;)
        text_append_char(&out, kept[i]);
    return text_take(&out);
}

static void salvage_record(Container *container) {
    JsonField fields[FIELDS_MAX];
    size_t n = 0;
    for (const JsonField *f = container_record_type.field; f->name && n + 1 < FIELDS_MAX; f++) {
        fields[n] = *f;
        fields[n++].flags &= ~(unsigned)JSON_REQUIRED;
    }
    fields[n] = (JsonField){};
    const JsonType type = {container_record_type.size, fields};
    ContainerRecord record = {};
    autodone(Text) text = {};
    Error ignored;
    if (file_read(container->dir, "state.json", REMAINS_MAX, &text, &ignored) < 0 || !text.data)
        return;
    autofree char *closed = close_document(text.data);
    if (json_decode(&type, closed, strlen(closed), &record, &ignored) < 0)
        return;
    json_done(&container_record_type, &container->record);
    container->record = record;
}

static bool is_unit(const char *path) {
    const char *colon = path ? strchr(path, ':') : NULL;
    return colon && strchr(colon + 1, ':');
}

/* A guess is right where our process is, and harmless where nobody is. */
static bool may_be_ours(const Container *container, const Cgroup *cgroup) {
    JsonUints pids = {};
    Error ignored;
    (void)cgroup_members(cgroup, &pids, &ignored);
    bool ours = !pids.n;
    for (size_t i = 0; i < pids.n && container_is_alive(container); i++)
        ours = ours || pids.item[i] == (uint64_t)container->record.pid.value;
    free(pids.item);
    return ours;
}

static void add_cgroups(Container *container, const OciSpec *spec) {
    const char *path = spec->linux ? spec->linux->cgroups_path : NULL;
    ContainerRecord *record = &container->record;
    Cgroup cgroup = {};
    Error err;
    const CgroupRequest request = {.path = path,
        .id = container->id,
        .rootless = cgroup_is_rootless(),
        .systemd = is_unit(path),
        .annotations = &spec->annotations};
    bool found = cgroup_locate(&cgroup, &request, &err) >= 0;
    if (found && text_is_empty(path) && !may_be_ours(container, &cgroup)) {
        log_warning("cgroup '%s' is left alone: it may be another container's",
            cgroup.n ? cgroup.item[0].path : container->id);
        found = false;
    }
    for (size_t i = 0; found && i < cgroup.n; i++)
        if (!json_map_find(&record->cgroup_paths, cgroup.item[i].controllers))
            json_map_set(&record->cgroup_paths, cgroup.item[i].controllers, cgroup.item[i].path);
    if (found && cgroup.unit && !record->systemd_unit) {
        record->systemd_unit = text_copy(cgroup.unit);
        record->systemd_user = (JsonBool){cgroup.user, cgroup.user};
    }
    cgroup_done(&cgroup);
}

void container_salvage(Container *container) {
    OciSpec spec = {};
    Error ignored;
    salvage_record(container);
    /* written when the cgroups were made: without it there were none */
    if (container_load_config(container, &spec, &ignored) >= 0)
        add_cgroups(container, &spec);
    json_done(&oci_spec_type, &spec);
    ContainerRecord *record = &container->record; /* what hooks are told */
    record->id = record->id ? record->id : text_copy(container->id);
    record->oci_version =
        record->oci_version ? record->oci_version : text_copy(OCI_RUNTIME_VERSION);
    record->bundle = record->bundle ? record->bundle : text_copy("");
}
