// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "runtime/checkpoint/criu.h"
#include "runtime/checkpoint/external.h"
#include "runtime/namespace/namespace.h"

/* criu leaves these two alone when they are named; the others it can only join. */
static const struct {
    const char *file, *key;
} named[] = {{"net", "extRootNetNS"}, {"pid", "extRootPidNS"}};
_Static_assert(array_size(named) == array_size(((ExternalFds *)NULL)->fd), "a descriptor for each");

static const char *file_of(const OciNamespace *namespace) {
    for (size_t i = 0; i < NAMESPACE_COUNT; i++)
        if (strcmp(namespace_types[i].name, namespace->type) == 0)
            return namespace_types[i].file;
    return NULL;
}

static const char *key_of(const char *file) {
    for (size_t i = 0; i < array_size(named); i++)
        if (strcmp(named[i].file, file) == 0)
            return named[i].key;
    return NULL;
}

static int inspect(const char *process, const char *file, struct stat *ret, Error *err) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%s/ns/%s", process, file);
    if (stat(path, ret) < 0)
        return error_set_errno(err, errno, "cannot inspect '%s'", path);
    return 0;
}

static int inspect_of(int pid, const char *file, struct stat *ret, Error *err) {
    char process[16];
    snprintf(process, sizeof process, "%d", pid);
    return inspect(process, file, ret, err);
}

int external_name_namespaces(
    const Container *container, const OciSpec *spec, CriuOptions *ret, Error *err) {
    const OciNamespace *namespace = spec->linux->namespaces.item;
    for (size_t i = 0; i < spec->linux->namespaces.n; i++) {
        const char *file = file_of(&namespace[i]), *key = file ? key_of(file) : NULL;
        struct stat st;
        if (!key || text_is_empty(namespace[i].path))
            continue;
        TRY(inspect_of((int)container->record.pid.value, file, &st, err));
        autofree char *name = text_format("%s[%llu]:%s", file, (unsigned long long)st.st_ino, key);
        json_texts_add(&ret->external, name);
    }
    return 0;
}

static int find_namespace(const OciNamespace *namespace, const char *file, ExternalFds *fds,
    CriuOptions *ret, Error *err) {
    const char *key = key_of(file);
    if (strcmp(file, "cgroup") == 0)
        return error_set(err, ERROR_UNSUPPORTED,
            "linux.namespaces: criu cannot restore into an existing cgroup namespace");
    if (!key) {
        json_map_set(&ret->join, file, namespace->path);
        return 0;
    }
    if (file_open(AT_FDCWD, namespace->path, O_RDONLY, 0, &fds->fd[fds->n], err) < 0)
        return error_prefix(err, "requested %s namespace does not exist", namespace->type);
    criu_options_inherit(ret, key, CRIU_FIRST_FD + (int)fds->n);
    fds->n++;
    return 0;
}

int external_find_namespaces(const OciSpec *spec, ExternalFds *fds, CriuOptions *ret, Error *err) {
    const OciNamespace *namespace = spec->linux->namespaces.item;
    *fds = (ExternalFds){};
    for (size_t i = 0; i < spec->linux->namespaces.n; i++) {
        const char *file = file_of(&namespace[i]);
        if (file && !text_is_empty(namespace[i].path))
            TRY(find_namespace(&namespace[i], file, fds, ret, err));
    }
    return 0;
}

void external_fds_done(ExternalFds *fds) {
    for (size_t i = 0; i < fds->n; i++)
        close(fds->fd[i]);
    *fds = (ExternalFds){};
}

static bool is_same(const struct stat *a, const struct stat *b) {
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static int check_namespace(const OciNamespace *namespace, const char *file, int pid, Error *err) {
    struct stat theirs, wanted;
    bool joined = !text_is_empty(namespace->path);
    TRY(inspect_of(pid, file, &theirs, err));
    if (!joined)
        TRY(inspect("self", file, &wanted, err));
    else if (stat(namespace->path, &wanted) < 0)
        return error_set_errno(err, errno, "cannot inspect '%s'", namespace->path);
    if (is_same(&theirs, &wanted) == joined)
        return 0;
    return error_set(err, ERROR_DENIED,
        "the checkpoint does not fit the configuration: its process %s the %s namespace %s%s",
        joined ? "is not in" : "is in", namespace->type, joined ? "at " : "of the host",
        joined ? namespace->path : "");
}

static bool is_late(const OciNamespace *namespace, const char *file) {
    return strcmp(file, "cgroup") == 0 || strcmp(file, "time") == 0 ||
           (!text_is_empty(namespace->path) && !key_of(file));
}

int external_check_namespaces(const OciSpec *spec, int pid, bool late, Error *err) {
    const OciNamespace *namespace = spec->linux->namespaces.item;
    for (size_t i = 0; i < spec->linux->namespaces.n; i++) {
        const char *file = file_of(&namespace[i]);
        if (file && (late || !is_late(&namespace[i], file)))
            TRY(check_namespace(&namespace[i], file, pid, err));
    }
    return 0;
}
