// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/memory.h"
#include "runtime/command/command.h"
#include "runtime/command/foreground.h"
#include "runtime/container/config.h"
#include "runtime/container/join.h"

typedef struct ExecOptions {
    const char *console_socket, *cwd, *user, *process, *pid_file, *label, *apparmor, *pidfd_socket;
    OptionTexts env, gids, caps, cgroup;
    OptionInt preserve_fds;
    bool tty, detach, no_new_privs, ignore_paused;
} ExecOptions;

#define T ExecOptions
static const Option options[] = {
    {0, "console-socket", OPTION_TEXT, offsetof(T, console_socket), "socket",
        "unix socket that receives the terminal's descriptor"},
    {0, "cwd", OPTION_TEXT, offsetof(T, cwd), "directory", "working directory in the container"},
    {'e', "env", OPTION_TEXTS, offsetof(T, env), "name=value", "set an environment variable"},
    {'t', "tty", OPTION_FLAG, offsetof(T, tty), NULL, "make a terminal"},
    {'u', "user", OPTION_TEXT, offsetof(T, user), "uid[:gid]", "run as this user"},
    {'g', "additional-gids", OPTION_TEXTS, offsetof(T, gids), "gid", "add a group"},
    {'p', "process", OPTION_TEXT, offsetof(T, process), "file",
        "read the process from a JSON file"},
    {0, "pidfd-socket", OPTION_TEXT, offsetof(T, pidfd_socket), "socket",
        "unix socket that receives a descriptor of the process"},
    {'d', "detach", OPTION_FLAG, offsetof(T, detach), NULL, "do not wait for the program's end"},
    {0, "pid-file", OPTION_TEXT, offsetof(T, pid_file), "file", "write the process's pid there"},
    {0, "process-label", OPTION_TEXT, offsetof(T, label), "label", "SELinux label of the process"},
    {0, "apparmor", OPTION_TEXT, offsetof(T, apparmor), "profile",
        "AppArmor profile of the process"},
    {0, "no-new-privs", OPTION_FLAG, offsetof(T, no_new_privs), NULL, "forbid new privileges"},
    {'c', "cap", OPTION_TEXTS, offsetof(T, caps), "name", "add a capability"},
    {0, "preserve-fds", OPTION_INT, offsetof(T, preserve_fds), "number",
        "hand this many more descriptors to the program"},
    {0, "cgroup", OPTION_TEXTS, offsetof(T, cgroup), "[controller:]path",
        "run in this cgroup below the container's"},
    {0, "ignore-paused", OPTION_FLAG, offsetof(T, ignore_paused), NULL,
        "also in a paused container"},
    {},
};
#undef T

enum {
    PROCESS_MAX = 4 << 20
};

static void replace(char **text, const char *value) {
    if (!value)
        return;
    free(*text);
    *text = text_copy(value);
}

static void clear(JsonTexts *texts) {
    texts_free(texts->item);
    *texts = (JsonTexts){};
}

/* "1000" or "1000:100"; names mean nothing to a runtime. */
static int parse_user(const char *text, OciUser *user, Error *err) {
    autofree char *copy = text_copy(text);
    char *gid = strchr(copy, ':');
    if (gid)
        *gid++ = '\0';
    TRY(text_parse_uint(copy, "--user", &user->uid.value, err));
    user->uid.set = true;
    if (!gid)
        return 0;
    user->gid.set = true;
    return text_parse_uint(gid, "--user", &user->gid.value, err);
}

static int add_gids(const OptionTexts *gids, OciUser *user, Error *err) {
    for (size_t i = 0; i < gids->n; i++) {
        uint64_t gid;
        TRY(text_parse_uint(gids->item[i], "--additional-gids", &gid, err));
        JsonUints *list = &user->additional_gids;
        list->item = memory_resize(list->item, list->n + 1, sizeof *list->item);
        list->item[list->n++] = gid;
    }
    return 0;
}

static void add_capabilities(const OptionTexts *caps, OciProcess *process) {
    if (caps->n && !process->capabilities)
        process->capabilities = new (OciCapabilities);
    for (size_t i = 0; i < caps->n; i++) {
        json_texts_add(&process->capabilities->bounding, caps->item[i]);
        json_texts_add(&process->capabilities->effective, caps->item[i]);
        json_texts_add(&process->capabilities->permitted, caps->item[i]);
        if (process->capabilities->inheritable.n) /* without it ambient is impossible */
            json_texts_add(&process->capabilities->ambient, caps->item[i]);
    }
}

/* The container's own process with the command line's changes. */
static int change_process(
    OciProcess *process, const ExecOptions *parsed, char **words, Error *err) {
    clear(&process->args);
    for (; *words; words++)
        json_texts_add(&process->args, *words);
    for (size_t i = 0; i < parsed->env.n; i++)
        json_texts_add(&process->env, parsed->env.item[i]);
    process->terminal = (JsonBool){true, parsed->tty};
    replace(&process->cwd, parsed->cwd);
    replace(&process->selinux_label, parsed->label);
    replace(&process->apparmor_profile, parsed->apparmor);
    if (parsed->no_new_privs)
        process->no_new_privileges = (JsonBool){true, true};
    add_capabilities(&parsed->caps, process);
    if (!process->user)
        process->user = new (OciUser);
    if (parsed->user)
        TRY(parse_user(parsed->user, process->user, err));
    return add_gids(&parsed->gids, process->user, err);
}

/* "-" is standard input; a shell's <(…) is a pipe. */
static int read_process(const char *path, Text *ret, Error *err) {
    autoclose int fd = -1;
    if (text_equal(path, "-"))
        return fd_read_all(STDIN_FILENO, PROCESS_MAX, ret, err);
    TRY(file_open(AT_FDCWD, path, O_RDONLY, 0, &fd, err));
    return fd_read_all(fd, PROCESS_MAX, ret, err);
}

static int load_process(OciSpec *spec, const ExecOptions *parsed, char **words, Error *err) {
    if (!parsed->process)
        return change_process(spec->process, parsed, words, err);
    autodone(Text) text = {};
    json_done(&oci_process_type, spec->process);
    TRY(read_process(parsed->process, &text, err));
    if (json_decode(
            &oci_process_type, text.data ? text.data : "", text.length, spec->process, err) < 0)
        return error_prefix(err, "%s", parsed->process);
    return 0;
}

static int join(
    const Container *container, const OciSpec *spec, const ExecOptions *parsed, Error *err) {
    JoinOptions wanted = {.console_socket = parsed->console_socket,
        .console_fd = -1,
        .pidfd_socket = parsed->pidfd_socket,
        .pid_file = parsed->pid_file,
        .ignore_paused = parsed->ignore_paused,
        .cgroups = parsed->cgroup.item,
        .cgroups_n = parsed->cgroup.n};
    int console[2] = {-1, -1};
    pid_t pid = -1;
    TRY(command_check_preserve(parsed->preserve_fds.value, 0, &wanted.preserve_fds, err));
    TRY(config_check_process(spec->process, err));
    bool relay = spec->process->terminal.value && !parsed->detach && !parsed->console_socket;
    if (relay) {
        TRY(foreground_open_console(console, err));
        if (!spec->process->console_size)
            spec->process->console_size = new (OciBox);
        foreground_read_size(spec->process->console_size);
    }
    wanted.console_fd = console[1];
    if (!parsed->detach)
        foreground_begin();
    TRY(container_join(container, spec, spec->process, &wanted, &pid, err));
    if (parsed->detach)
        return 0;
    autoclose int master = -1;
    if (relay)
        TRY(fd_receive(console[0], &master, err));
    return foreground_wait((Foreground){.pid = pid, .master = master, .notify = -1}, err);
}

static int exec_in(const Globals *globals, ExecOptions *parsed, char **words, Error *err) {
    autodone(Container) container = {.dir = -1};
    OciSpec spec = {};
    const char *id = *words++;
    if (*words && text_equal(*words, "--"))
        words++;
    TRY(container_load(&container, globals->root, id, err));
    TRY(container_load_config(&container, &spec, err));
    int r = load_process(&spec, parsed, words, err);
    r = r < 0 ? r : join(&container, &spec, parsed, err);
    json_done(&oci_spec_type, &spec);
    return r;
}

static int run(const Globals *globals, int argc, char **argv, Error *err) {
    ExecOptions parsed = {};
    int first;
    int r = command_parse(&command_exec, argc, argv, 1, -1, &parsed, &first, err);
    if (r)
        return r < 0 ? r : 0;
    if (!parsed.process && argc - first < 2)
        return error_set(err, ERROR_INVALID, "process args cannot be empty");
    r = exec_in(globals, &parsed, argv + first, err);
    OptionTexts *lists[] = {&parsed.env, &parsed.gids, &parsed.caps, &parsed.cgroup};
    for (size_t i = 0; i < array_size(lists); i++)
        option_texts_done(lists[i]);
    return r;
}

const Command command_exec = {"exec", "ID COMMAND [ARGUMENT…]",
    "run another program in a running container", run, options, .meets_container = true,
    .failure = 255, .as_runc = "exec failed"};
