// SPDX-License-Identifier: Apache-2.0
#include "runtime/container/config.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/path.h"
#include "runtime/cgroup/resctrl.h"
#include "runtime/init/affinity.h"
#include "runtime/init/memory_policy.h"
#include "runtime/init/process.h"
#include "runtime/namespace/namespace.h"
#include "runtime/namespace/network_device.h"
#include "runtime/security/label.h"
#include "runtime/security/seccomp.h"

/* Also the bound of what an engine may hand us: profiles and mounts make a hundred kilobytes. */
enum {
    CONFIG_MAX = 16 << 20
};
#define ID_MAX UINT64_C(0xfffffffe) /* 2^32 - 1 means "no id" to the kernel */

/* crun's annotation says what listenerPath says, where that is absent. */
static void apply_annotations(OciSpec *spec) {
    OciSeccomp *seccomp = spec->linux ? spec->linux->seccomp : NULL;
    if (seccomp && text_is_empty(seccomp->listener_path)) {
        free(seccomp->listener_path);
        seccomp->listener_path =
            text_copy(json_map_find(&spec->annotations, "run.oci.seccomp.receiver"));
    }
}

int config_load_at(int dir, const char *name, OciSpec *ret, Error *err) {
    autodone(Text) text = {};
    TRY(file_read(dir, name, CONFIG_MAX, &text, err));
    if (json_decode(&oci_spec_type, text.data, text.length, ret, err) < 0)
        return error_prefix(err, "%s", name);
    apply_annotations(ret);
    return 0;
}

int config_load(
    const char *directory, const char *name, OciSpec *ret, char **ret_text, Error *err) {
    autofree char *path = name && path_is_absolute(name)
                              ? text_copy(name)
                              : path_join(directory, name ? name : "config.json");
    autodone(Text) text = {};
    int r = file_read(AT_FDCWD, path, CONFIG_MAX, &text, err);
    if (r == ERROR_NOT_FOUND)
        return error_set(err, r, "JSON specification file config.json not found: '%s'", path);
    TRY(r);
    if (json_decode(&oci_spec_type, text.data, text.length, ret, err) < 0)
        return error_prefix(err, "config.json");
    apply_annotations(ret);
    if (ret_text)
        *ret_text = text_take(&text);
    return 0;
}

static bool has_namespace(const OciSpec *spec, const char *type) {
    const OciNamespace *namespace = spec->linux ? spec->linux->namespaces.item : NULL;
    for (size_t i = 0; namespace && i < spec->linux->namespaces.n; i++)
        if (strcmp(namespace[i].type, type) == 0)
            return true;
    return false;
}

/* New or joined, but not the one that we are in. */
static bool has_private_namespace(const OciSpec *spec, const char *type) {
    const OciNamespace *namespace = spec->linux ? spec->linux->namespaces.item : NULL;
    for (size_t i = 0; namespace && i < spec->linux->namespaces.n; i++)
        if (strcmp(namespace[i].type, type) == 0)
            return !namespace_is_ours(&namespace[i]);
    return false;
}

static int invalid(Error *err, const char *field, const char *expected) {
    return error_set(err, ERROR_INVALID, "config.json: %s: expected %s", field, expected);
}

static int check_user(const OciUser *user, Error *err) {
    if (user->uid.value > ID_MAX)
        return invalid(err, "process.user.uid", "a number up to 4294967294");
    if (user->gid.value > ID_MAX)
        return invalid(err, "process.user.gid", "a number up to 4294967294");
    if (user->umask.set && user->umask.value > 0777)
        return invalid(err, "process.user.umask", "a number up to 511 (0777)");
    for (size_t i = 0; i < user->additional_gids.n; i++)
        if (user->additional_gids.item[i] > ID_MAX)
            return invalid(err, "process.user.additionalGids", "numbers up to 4294967294");
    return 0;
}

int config_check_process(const OciProcess *process, Error *err) {
    if (!process)
        return invalid(err, "process", "a value");
    if (text_is_empty(process->cwd) || !path_is_absolute(process->cwd))
        return invalid(err, "process.cwd", "an absolute path");
    if (!process->args.n)
        return invalid(err, "process.args", "at least one word");
    if (process->user)
        TRY(check_user(process->user, err));
    TRY(affinity_check(process->exec_cpu_affinity, err));
    TRY(label_check(process, err));
    return process_check_scheduling(process, err);
}

/* Sysctls reach beyond the container unless the namespace that they belong to is its own. */
static int check_sysctl(const OciSpec *spec, const char *name, Error *err) {
    static const struct {
        const char *prefix, *namespace;
    } rows[] = {
        {"net.", "network"},
        {"fs.mqueue.", "ipc"},
        {"kernel.msgmax", "ipc"},
        {"kernel.msgmnb", "ipc"},
        {"kernel.msgmni", "ipc"},
        {"kernel.sem", "ipc"},
        {"kernel.shmall", "ipc"},
        {"kernel.shmmax", "ipc"},
        {"kernel.shmmni", "ipc"},
        {"kernel.shm_rmid_forced", "ipc"},
        {"kernel.domainname", "uts"},
    };
    autofree char *dotted = text_copy(name);
    if (dotted[strcspn(dotted, "./")] == '/')
        for (char *c = dotted; *c; c++)
            *c = *c == '/' ? '.' : *c;
    if (strcmp(dotted, "kernel.hostname") == 0)
        return error_set(err, ERROR_INVALID,
            "config.json: linux.sysctl: sysctl \"%s\" is not allowed as it conflicts with the OCI "
            "\"hostname\" field",
            name);
    for (size_t i = 0; i < array_size(rows); i++) {
        bool group = text_ends(rows[i].prefix, ".");
        if (group ? !text_starts(dotted, rows[i].prefix) : strcmp(dotted, rows[i].prefix) != 0)
            continue;
        if (has_private_namespace(spec, rows[i].namespace))
            return 0;
        return error_set(err, ERROR_INVALID,
            "config.json: linux.sysctl: \"%s\" is not allowed without a %s namespace of its own",
            name, rows[i].namespace);
    }
    return error_set(err, ERROR_INVALID,
        "config.json: linux.sysctl: \"%s\" is not in a separate kernel namespace", name);
}

static int check_user_namespace(const OciSpec *spec, Error *err) {
    const OciNamespace *namespace = spec->linux->namespaces.item;
    bool create = false;
    for (size_t i = 0; i < spec->linux->namespaces.n; i++)
        create =
            create || (strcmp(namespace[i].type, "user") == 0 && text_is_empty(namespace[i].path));
    if (geteuid() != 0 && !has_namespace(spec, "user"))
        return error_set(err, ERROR_INVALID,
            "config.json: linux.namespaces: rootless container requires user namespaces");
    bool mapped = spec->linux->uid_mappings.n && spec->linux->gid_mappings.n;
    if (create && !mapped)
        return invalid(err, "linux.uidMappings",
            "mappings for the new user namespace, with linux.gidMappings");
    if (!has_namespace(spec, "user") &&
        (spec->linux->uid_mappings.n || spec->linux->gid_mappings.n))
        return invalid(err, "linux.namespaces", "a user namespace for the id mappings");
    return 0;
}

static int check_linux(const OciSpec *spec, Error *err) {
    const OciLinux *config = spec->linux;
    TRY(check_user_namespace(spec, err));
    for (size_t i = 0; i < config->sysctl.n; i++)
        TRY(check_sysctl(spec, config->sysctl.key[i], err));
    if (config->time_offsets.n && !has_namespace(spec, "time"))
        return invalid(err, "linux.timeOffsets", "a time namespace");
    if ((config->masked_paths.n || config->readonly_paths.n) && !has_namespace(spec, "mount"))
        return error_set(err, ERROR_INVALID,
            "config.json: linux.maskedPaths and linux.readonlyPaths need a mount namespace");
    if (json_map_find(&spec->annotations, "run.oci.seccomp_fail_unknown_syscall"))
        TRY(seccomp_check_names(config->seccomp, err));
    TRY(memory_policy_check(config->memory_policy, err));
    TRY(network_devices_check(config, has_namespace(spec, "network"), err));
    return resctrl_check(config->intel_rdt, err);
}

static int check_hooks(const JsonObjects *hooks, const char *kind, Error *err) {
    const OciHook *hook = hooks->item;
    for (size_t i = 0; i < hooks->n; i++) {
        bool bad_path = !path_is_absolute(hook[i].path);
        if (!bad_path && (!hook[i].timeout.set || hook[i].timeout.value > 0))
            continue;
        return error_set(err, ERROR_INVALID, "config.json: hooks.%s[%zu].%s", kind, i,
            bad_path ? "path: expected an absolute path"
                     : "timeout: expected a number of seconds above 0");
    }
    return 0;
}

static int check_all_hooks(const OciHooks *hooks, Error *err) {
    TRY(check_hooks(&hooks->prestart, "prestart", err));
    TRY(check_hooks(&hooks->create_runtime, "createRuntime", err));
    TRY(check_hooks(&hooks->create_container, "createContainer", err));
    TRY(check_hooks(&hooks->start_container, "startContainer", err));
    TRY(check_hooks(&hooks->poststart, "poststart", err));
    return check_hooks(&hooks->poststop, "poststop", err);
}

/* What crun would do for these, a container that runs without it must not seem to have. */
static int check_annotations(const JsonMap *annotations, Error *err) {
    static const struct {
        const char *key, *reason;
    } rows[] = {
        {"run.oci.handler", "virtual machines and WebAssembly are for other runtimes"},
        {"run.oci.seccomp.plugins", "a static program loads no libraries"},
        {"run.oci.systemd.force_cgroup_v1", "cgroup v1 is mounted for nobody"},
    };
    for (size_t i = 0; i < array_size(rows); i++)
        if (!text_is_empty(json_map_find(annotations, rows[i].key)))
            return error_set(err, ERROR_UNSUPPORTED, "annotation %s is not supported: %s",
                rows[i].key, rows[i].reason);
    return 0;
}

int config_check(const OciSpec *spec, Error *err) {
    TRY(check_annotations(&spec->annotations, err));
    if (!text_starts(spec->oci_version, "1."))
        return invalid(err, "ociVersion", "1.x");
    if (!spec->root || text_is_empty(spec->root->path))
        return invalid(err, "root.path", "a path");
    if (!spec->linux)
        return invalid(err, "linux", "a value");
    TRY(config_check_process(spec->process, err));
    if (!text_is_empty(spec->hostname) && !has_private_namespace(spec, "uts"))
        return error_set(err, ERROR_INVALID,
            "config.json: hostname: unable to set hostname without a private UTS namespace");
    if (!text_is_empty(spec->domainname) && !has_private_namespace(spec, "uts"))
        return error_set(err, ERROR_INVALID,
            "config.json: domainname: unable to set domainname without a private UTS namespace");
    if (spec->hooks)
        TRY(check_all_hooks(spec->hooks, err));
    return check_linux(spec, err);
}
