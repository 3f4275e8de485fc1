// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/resctrl.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mountinfo.h"
#include "base/path.h"
#include "base/text.h"

#define RESCTRL_MAGIC 0x7655821

enum {
    MOUNTINFO_MAX = 16 << 20,
    SCHEMATA_MAX = 1 << 20,
};

/* The place where it usually is, else wherever it is mounted; NULL: nowhere. */
char *resctrl_find_root(void) {
    struct statfs fs;
    autodone(Text) lines = {};
    Error ignored;
    if (statfs("/sys/fs/resctrl", &fs) < 0)
        return NULL; /* the kernel has none, or the processor */
    if (fs.f_type == RESCTRL_MAGIC)
        return text_copy("/sys/fs/resctrl");
    if (file_read(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &lines, &ignored) < 0)
        return NULL;
    char *rest = lines.data;
    MountLine mount;
    for (char *line; (line = strsep(&rest, "\n"));)
        if (mount_line_cut(line, &mount) && strcmp(mount.type, "resctrl") == 0)
            return text_copy(mount.point);
    return NULL;
}

static bool has_schemata(const OciIntelRdt *config) {
    return !text_is_empty(config->l3_cache_schema) || !text_is_empty(config->mem_bw_schema) ||
           config->schemata.n;
}

static int check_lines(const OciIntelRdt *config, Error *err) {
    for (size_t i = 0; i < config->schemata.n; i++)
        if (strchr(config->schemata.item[i], '\n'))
            return error_set(
                err, ERROR_INVALID, "linux.intelRdt.schemata[%zu]: expected one line", i);
    if (config->l3_cache_schema && strchr(config->l3_cache_schema, '\n'))
        return error_set(err, ERROR_INVALID, "linux.intelRdt.l3CacheSchema: expected one line");
    const char *bandwidth = config->mem_bw_schema;
    if (!text_is_empty(bandwidth) && (!text_starts(bandwidth, "MB:") || strchr(bandwidth, '\n')))
        return error_set(err, ERROR_INVALID,
            "linux.intelRdt.memBwSchema: expected one line that begins \"MB:\"");
    return 0;
}

int resctrl_check(const OciIntelRdt *config, Error *err) {
    if (!config)
        return 0;
    const char *clos = config->clos_id ? config->clos_id : "";
    bool slash = strchr(clos, '/') && strcmp(clos, "/") != 0;
    if (slash || strcmp(clos, ".") == 0 || strcmp(clos, "..") == 0)
        return error_set(
            err, ERROR_INVALID, "linux.intelRdt.closID: invalid intelRdt.ClosID \"%s\"", clos);
    TRY(check_lines(config, err));
    autofree char *root = resctrl_find_root();
    if (!root)
        return error_set(err, ERROR_UNSUPPORTED,
            "linux.intelRdt: intelRdt is specified in config, but Intel RDT is not enabled: no "
            "resctrl file system is mounted");
    return 0;
}

static char *schemata_of(const OciIntelRdt *config) {
    Text lines = {};
    if (!text_is_empty(config->l3_cache_schema))
        text_append_format(&lines, "%s\n", config->l3_cache_schema);
    if (!text_is_empty(config->mem_bw_schema))
        text_append_format(&lines, "%s\n", config->mem_bw_schema);
    for (size_t i = 0; i < config->schemata.n; i++)
        text_append_format(&lines, "%s\n", config->schemata.item[i]);
    return text_take(&lines);
}

/* "  L3:0=00ff;1=c0" → "L3:0=ff;1=c0": as the file may show what was written. */
static char *normal(const char *line) {
    Text out = {};
    bool value = false;
    for (const char *c = line; *c; c++) {
        if (isspace((unsigned char)*c) || (value && *c == '0' && isxdigit((unsigned char)c[1])))
            continue;
        value = *c == '=';
        text_append_char(&out, (char)tolower((unsigned char)*c));
    }
    return text_take(&out);
}

static bool is_assigned(const char *domain, const char *line) {
    size_t n = strlen(domain);
    for (const char *at = strpbrk(line, ":"); at; at = strchr(at + 1, ';'))
        if (strncmp(at + 1, domain, n) == 0 && (!at[1 + n] || at[1 + n] == ';'))
            return true;
    return false;
}

/* Each "0=ff" of the wanted line stands in the line of the same resource. */
static bool matches(const char *wanted, const char *file) {
    autofree char *want = normal(wanted);
    autotexts char **lines = texts_split(file, '\n');
    size_t name = strcspn(want, ":") + 1;
    for (char **l = lines; *l; l++) {
        autofree char *have = normal(*l);
        if (strncmp(have, want, name) != 0)
            continue;
        autotexts char **domains = texts_split(want + name, ';');
        bool all = true;
        for (char **domain = domains; *domain; domain++)
            all = all && is_assigned(*domain, have);
        return all;
    }
    return false;
}

/* A class of service that somebody else made is not changed for us. */
static int compare(int group, const char *clos, const char *schemata, Error *err) {
    autodone(Text) file = {};
    TRY(file_read(group, "schemata", SCHEMATA_MAX, &file, err));
    autotexts char **lines = texts_split(schemata, '\n');
    for (char **line = lines; *line; line++)
        if (**line && !matches(*line, file.data ? file.data : ""))
            return error_set(err, ERROR_INVALID,
                "linux.intelRdt: class of service '%s' exists and does not have schema \"%s\"",
                clos, *line);
    return 0;
}

static int add_task(int group, pid_t pid, Error *err) {
    autofree char *text = text_format("%d", pid);
    return file_write_kernel(group, "tasks", text, err);
}

/* 1: made, 0: it was there. */
static int make_group(int parent, const char *name, int *ret_group, Error *err) {
    bool made = mkdirat(parent, name, 0755) == 0;
    if (!made && errno != EEXIST)
        return error_set_errno(err, errno, "linux.intelRdt: cannot make group '%s'", name);
    TRY(file_open(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, ret_group, err));
    return made;
}

static int open_group(
    int root, const OciIntelRdt *config, const char *id, int *ret_group, Error *err) {
    const char *clos = text_is_empty(config->clos_id) ? id : config->clos_id;
    if (strcmp(clos, "/") == 0)
        return file_open(root, ".", O_RDONLY | O_DIRECTORY, 0, ret_group, err);
    if (clos == id || has_schemata(config))
        return make_group(root, clos, ret_group, err);
    if (file_open(root, clos, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, ret_group, err) < 0)
        return error_prefix(
            err, "linux.intelRdt.closID: without a schema the class of service must exist");
    return 0;
}

static int set_up_monitor(int group, const char *id, pid_t pid, Error *err) {
    autoclose int monitors = -1, monitor = -1;
    TRY(file_open(group, "mon_groups", O_RDONLY | O_DIRECTORY, 0, &monitors, err));
    TRY(make_group(monitors, id, &monitor, err));
    return add_task(monitor, pid, err);
}

int resctrl_set_up_at(const char *root, const OciIntelRdt *config, const char *id, pid_t pid,
    char **ret_made, Error *err) {
    autoclose int top = -1, group = -1;
    bool own = text_is_empty(config->clos_id);
    const char *name = own ? id : strcmp(config->clos_id, "/") == 0 ? "" : config->clos_id;
    autofree char *schemata = schemata_of(config);
    TRY(file_open(AT_FDCWD, root, O_RDONLY | O_DIRECTORY, 0, &top, err));
    int made = open_group(top, config, id, &group, err);
    if (made < 0)
        return made;
    if (made && own)
        *ret_made = path_join(root, name);
    else if (config->enable_monitoring.value)
        *ret_made = text_format("%s/%s/mon_groups/%s", root, name, id);
    if (*schemata && !made && !own)
        TRY(compare(group, config->clos_id, schemata, err));
    else if (*schemata && file_write_kernel(group, "schemata", schemata, err) < 0)
        return error_prefix(err, "linux.intelRdt");
    if (add_task(group, pid, err) < 0)
        return error_prefix(err, "linux.intelRdt");
    if (config->enable_monitoring.value && set_up_monitor(group, id, pid, err) < 0)
        return error_prefix(err, "linux.intelRdt.enableMonitoring");
    return 0;
}

int resctrl_set_up(
    const OciIntelRdt *config, const char *id, pid_t pid, char **ret_made, Error *err) {
    autofree char *root = config ? resctrl_find_root() : NULL;
    return root ? resctrl_set_up_at(root, config, id, pid, ret_made, err)
                : resctrl_check(config, err);
}

int resctrl_add(const OciIntelRdt *config, const char *id, pid_t pid, Error *err) {
    autofree char *root = config ? resctrl_find_root() : NULL;
    autoclose int group = -1;
    if (!root)
        return 0;
    const char *clos = text_is_empty(config->clos_id) ? id : config->clos_id;
    autofree char *path = path_join(root, clos);
    TRY(file_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0, &group, err));
    TRY(add_task(group, pid, err));
    return config->enable_monitoring.value ? set_up_monitor(group, id, pid, err) : 0;
}

static int check_change(const char *root, const ResctrlChange *change, Error *err) {
    autofree char *l3 = root ? path_join(root, "info/L3") : NULL;
    autofree char *bandwidth = root ? path_join(root, "info/MB") : NULL;
    if (change->l3_cache && (!l3 || !file_exists(AT_FDCWD, l3)))
        return error_set(err, ERROR_UNSUPPORTED, "Intel RDT/CAT: l3 cache schema is not enabled");
    if (change->bandwidth && (!bandwidth || !file_exists(AT_FDCWD, bandwidth)))
        return error_set(
            err, ERROR_UNSUPPORTED, "Intel RDT/MBA: memory bandwidth schema is not enabled");
    return 0;
}

int resctrl_update_at(const char *root, const OciIntelRdt *config, const char *id,
    const ResctrlChange *change, Error *err) {
    const OciIntelRdt wanted = {.l3_cache_schema = (char *)(uintptr_t)change->l3_cache,
        .mem_bw_schema = (char *)(uintptr_t)change->bandwidth};
    autoclose int group = -1;
    TRY(check_change(root, change, err));
    if (!config)
        return error_set(err, ERROR_UNSUPPORTED,
            "updating a non-existent Intel RDT configuration is not supported");
    TRY(check_lines(&wanted, err));
    autofree char *path = path_join(root, text_is_empty(config->clos_id) ? id : config->clos_id);
    autofree char *schemata = schemata_of(&wanted);
    TRY(file_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0, &group, err));
    if (file_write_kernel(group, "schemata", schemata, err) < 0)
        return error_prefix(err, "linux.intelRdt");
    return 0;
}

int resctrl_update(
    const OciIntelRdt *config, const char *id, const ResctrlChange *change, Error *err) {
    autofree char *root = resctrl_find_root();
    return resctrl_update_at(root, config, id, change, err);
}

char *resctrl_statistics(const OciIntelRdt *config, const char *id) {
    autofree char *root = config ? resctrl_find_root() : NULL;
    return resctrl_statistics_at(root, config, id);
}

int resctrl_remove(const char *path, Error *err) {
    if (!path || unlinkat(AT_FDCWD, path, AT_REMOVEDIR) == 0 || errno == ENOENT)
        return 0;
    return error_set_errno(err, errno, "cannot remove '%s'", path);
}
