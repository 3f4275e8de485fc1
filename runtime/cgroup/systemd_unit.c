// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/systemd_unit.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "runtime/cgroup/gvariant.h"

enum {
    MASK_BYTES = 1024 /* 8192 CPUs, the kernel's own limit */
};

int systemd_slice_path(const char *slice, char **ret, Error *err) {
    static const char suffix[] = ".slice";
    Text path = {}, prefix = {};
    bool fine = text_ends(slice, suffix) && !strchr(slice, '/') && *slice != '.';
    autofree char *name = text_copy_n(slice, fine ? strlen(slice) - strlen(suffix) : strlen(slice));
    if (fine && strcmp(name, "-") == 0)
        return *ret = text_copy("/"), 0;
    autotexts char **parts = texts_split(name, '-');
    text_append(&prefix, "");
    for (char **part = parts; fine && *part; part++) { /* neither "-a" nor "a--b" */
        fine = **part != '\0';
        text_append_format(&path, "/%s%s%s", prefix.data, *part, suffix);
        text_append_format(&prefix, "%s-", *part);
    }
    text_done(&prefix);
    if (fine)
        return *ret = text_take(&path), 0;
    text_done(&path);
    return error_set(err, ERROR_INVALID, "linux.cgroupsPath: invalid slice name: %s", slice);
}

static int check_unit_name(const char *name, Error *err) {
    for (const char *c = name; *c; c++) /* systemd.unit(5) */
        if (!isalnum((unsigned char)*c) && !strchr(":-_.\\@", *c))
            return error_set(
                err, ERROR_INVALID, "linux.cgroupsPath: invalid name of a unit: %s", name);
    return 0;
}

int systemd_unit_parse(
    const char *cgroups_path, const char *id, bool user, SystemdUnit *ret, Error *err) {
    autofree char *given =
        text_is_empty(cgroups_path) ? text_format(":tare:%s", id) : text_copy(cgroups_path);
    autotexts char **parts = texts_split(given, ':');
    if (texts_count(parts) != 3)
        return error_set(err, ERROR_INVALID,
            "linux.cgroupsPath: expected cgroupsPath to be of format \"slice:prefix:name\" for "
            "systemd cgroups, got \"%s\" instead",
            given);
    const char *slice = *parts[0] ? parts[0] : user ? "user.slice" : "system.slice";
    autofree char *name = text_ends(parts[2], ".slice")
                              ? text_copy(parts[2])
                              : text_format("%s-%s.scope", parts[1], parts[2]);
    TRY(check_unit_name(name, err));
    *ret = (SystemdUnit){.slice = text_copy(slice), .name = take_ptr(&name)};
    return 0;
}

void systemd_unit_done(SystemdUnit *unit) {
    free(unit->slice);
    free(unit->name);
    *unit = (SystemdUnit){};
}

static bool set_bits(const char *part, unsigned char *mask, size_t *used) {
    char *end;
    if (!isdigit((unsigned char)*part))
        return false;
    unsigned long from = strtoul(part, &end, 10), to = from;
    if (*end == '-' && isdigit((unsigned char)end[1]))
        to = strtoul(end + 1, &end, 10);
    if (end[strspn(end, " \n")] || from > to || to >= MASK_BYTES * 8)
        return false;
    for (unsigned long i = from; i <= to; i++)
        mask[i / 8] |= (unsigned char)(1U << i % 8);
    if (to / 8 + 1 > *used)
        *used = to / 8 + 1;
    return true;
}

int systemd_mask(const char *list, char **ret, Error *err) {
    unsigned char mask[MASK_BYTES] = {};
    size_t used = 0;
    autotexts char **parts = texts_split(list, ',');
    for (char **part = parts; *part; part++) {
        const char *start = *part + strspn(*part, " \n");
        if (*start && !set_bits(start, mask, &used))
            return error_set(err, ERROR_INVALID, "\"%s\" is not a list of numbers", list);
    }
    if (!used)
        return error_set(err, ERROR_INVALID, "an empty list of numbers");
    Text text = {};
    for (size_t i = 0; i < used; i++)
        text_append_format(&text, "%s%u", i ? ", " : "@ay [", mask[i]);
    text_append_char(&text, ']');
    return *ret = text_take(&text), 0;
}

void systemd_unit_properties(const SystemdUnit *unit, const char *id, bool v2, JsonMap *ret) {
    bool is_slice = text_ends(unit->name, ".slice");
    autofree char *words = text_format("tare container %s", id);
    autofree char *description = gvariant_quote(words);
    autofree char *slice = gvariant_quote(unit->slice);
    autofree char *slices = text_format("[%s]", slice);
    json_map_set(ret, "Description", description);
    json_map_set(ret, is_slice ? "Wants" : "Slice", is_slice ? slices : slice);
    if (!is_slice)
        json_map_set(ret, "Delegate", "true");
    json_map_set(ret, "MemoryAccounting", "true");
    json_map_set(ret, "CPUAccounting", "true");
    json_map_set(ret, v2 ? "IOAccounting" : "BlockIOAccounting", "true");
    json_map_set(ret, "TasksAccounting", "true");
    json_map_set(ret, "DefaultDependencies", "false");
}

/* What users may set on a unit of theirs: names, or beginnings of names. */
static const char *const annotation_names[] = {"After", "AllowedCPUs", "AllowedMemoryNodes",
    "Before", "CollectMode", "DefaultDependencies", "Delegate", "Description", "FinalKillSignal",
    "KillMode", "KillSignal", "OOMPolicy", "RestartKillSignal", "SendSIGHUP", "SendSIGKILL",
    "WatchdogSignal"};
static const char *const annotation_prefixes[] = {"BlockIO", "CPU", "DefaultMemory", "IO",
    "ManagedOOM", "Memory", "RuntimeMax", "RuntimeRandomized", "Startup", "Tasks", "TimeoutStop"};

static bool is_allowed(const char *name) {
    for (size_t i = 0; i < array_size(annotation_names); i++)
        if (strcmp(name, annotation_names[i]) == 0)
            return true;
    for (size_t i = 0; i < array_size(annotation_prefixes); i++)
        if (text_starts(name, annotation_prefixes[i]))
            return true;
    return false;
}

int systemd_annotation_properties(const JsonMap *annotations, JsonMap *ret, Error *err) {
    static const char prefix[] = "org.systemd.property.";
    for (size_t i = 0; i < annotations->n; i++) {
        const char *key = annotations->key[i], *name = key + strlen(prefix);
        if (!text_starts(key, prefix))
            continue;
        for (const char *c = name; *c; c++)
            if (!isalpha((unsigned char)*c))
                return error_set(err, ERROR_INVALID,
                    "annotation %s name incorrect: contains non-alphabetic character", key);
        if (!is_allowed(name))
            return error_set(err, ERROR_DENIED,
                "annotation %s: the property may not be set by an annotation", key);
        json_map_set(ret, name, annotations->value[i]);
    }
    return 0;
}
