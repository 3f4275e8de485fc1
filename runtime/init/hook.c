// SPDX-License-Identifier: Apache-2.0
#include "runtime/init/hook.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/process.h"
#include "base/text.h"
#include "base/time.h"

enum {
    OUTPUT_MAX = 4096
};

/* The state as a memory file: a hook that does not read its input cannot block us. */
static int open_state(const OciState *state, int *ret_fd, Error *err) {
    autofree char *text = json_encode(&oci_state_type, state, 0);
    autoclose int fd = memfd_create("state", MFD_CLOEXEC);
    if (fd < 0)
        return error_set_errno(err, errno, "cannot make a memory file");
    TRY(fd_write_all(fd, text, strlen(text), err));
    if (lseek(fd, 0, SEEK_SET) < 0)
        return error_set_errno(err, errno, "cannot rewind a memory file");
    *ret_fd = take_fd(&fd);
    return 0;
}

/* What a failed hook wrote, at most a line or two, for the message. */
static char *read_output(int fd) {
    char buffer[OUTPUT_MAX + 1];
    ssize_t n = pread(fd, buffer, OUTPUT_MAX, 0);
    while (n > 0 && (buffer[n - 1] == '\n' || buffer[n - 1] == ' '))
        n--;
    buffer[n > 0 ? n : 0] = '\0';
    return text_copy(buffer);
}

static int wait_for_hook(const OciHook *hook, pid_t pid, int output, Error *err) {
    int status;
    int64_t timeout = hook->timeout.set ? hook->timeout.value * TIME_SECOND : -1;
    int r = process_wait(pid, timeout, &status, err);
    if (r < 0) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        return r;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    autofree char *text = read_output(output);
    const char *separator = *text ? ": " : "";
    if (WIFSIGNALED(status)) {
        autofree char *signal = text_copy(strsignal(WTERMSIG(status)));
        *signal = (char)tolower((unsigned char)*signal); /* "signal: killed", as Go says it */
        return error_set(err, ERROR_UNKNOWN, "signal: %s%s%s", signal, separator, text);
    }
    return error_set(
        err, ERROR_UNKNOWN, "exit status %d%s%s", WEXITSTATUS(status), separator, text);
}

int hook_output_open(const JsonMap *annotations, HookOutput *ret, Error *err) {
    static const char *const keys[] = {"run.oci.hooks.stdout", "run.oci.hooks.stderr"};
    autodone(HookOutput) output = HOOK_OUTPUT_NONE;
    for (int i = 0; i < 2; i++) {
        const char *path = json_map_find(annotations, keys[i]);
        if (!text_is_empty(path) &&
            file_open(AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND, 0600, &output.fd[i], err) < 0)
            return error_prefix(err, "annotation %s", keys[i]);
    }
    *ret = output;
    output = (HookOutput)HOOK_OUTPUT_NONE;
    return 0;
}

void hook_output_done(HookOutput *output) {
    for (int i = 0; i < 2; i++)
        if (output->fd[i] >= 0)
            close(output->fd[i]);
    *output = (HookOutput)HOOK_OUTPUT_NONE;
}

static int run_hook(const OciHook *hook, const HookRun *run, Error *err) {
    autoclose int input = -1, output = memfd_create("output", MFD_CLOEXEC);
    const char *alone[] = {hook->path, NULL};
    char *const nothing[] = {NULL};
    char *const *standard = run->environment ? run->environment : nothing;
    const int *given = run->output.fd;
    TRY(open_state(run->state, &input, err));
    ProcessSpawn spawn = {
        .argv = hook->args.n ? (const char *const *)hook->args.item : alone,
        .environ = (const char *const *)(hook->env.n ? hook->env.item : standard),
        .fds = {input, given[0] >= 0 ? given[0] : output, given[1] >= 0 ? given[1] : output},
        .directory = run->directory,
        .path = hook->path,
    };
    pid_t pid;
    if (!path_is_absolute(hook->path))
        return error_set(err, ERROR_INVALID, "expected an absolute path");
    TRY(process_spawn(&spawn, &pid, err));
    return wait_for_hook(hook, pid, output, err);
}

int hooks_run(const JsonObjects *hooks, const HookRun *run, Error *err) {
    const OciHook *hook = hooks->item;
    for (size_t i = 0; i < hooks->n; i++)
        if (run_hook(&hook[i], run, err) < 0)
            return error_prefix(err, "error running %s hook #%zu: %s", run->kind, i, hook[i].path);
    return 0;
}

int hooks_run_before_pivot(const OciHooks *hooks, const OciState *state, Error *err) {
    autodone(HookOutput) output = HOOK_OUTPUT_NONE;
    if (!hooks)
        return 0;
    TRY(hook_output_open(&state->annotations, &output, err));
    HookRun run = {
        .kind = "prestart", .state = state, .directory = state->bundle, .output = output};
    TRY(hooks_run(&hooks->prestart, &run, err));
    run.kind = "createRuntime";
    return hooks_run(&hooks->create_runtime, &run, err);
}

int hooks_run_poststart(const OciHooks *hooks, const OciState *state, Error *err) {
    autodone(HookOutput) output = HOOK_OUTPUT_NONE;
    if (!hooks || !hooks->poststart.n)
        return 0;
    TRY(hook_output_open(&state->annotations, &output, err));
    const HookRun run = {.kind = "poststart", .state = state, .output = output};
    return hooks_run(&hooks->poststart, &run, err);
}

void hooks_run_poststop(const OciHooks *hooks, const OciState *state) {
    autodone(HookOutput) output = HOOK_OUTPUT_NONE;
    Error err;
    if (!hooks || !hooks->poststop.n)
        return;
    if (hook_output_open(&state->annotations, &output, &err) < 0)
        log_failure(LOG_LEVEL_WARNING, &err);
    const OciHook *hook = hooks->poststop.item;
    const HookRun run = {.kind = "poststop", .state = state, .output = output};
    for (size_t i = 0; i < hooks->poststop.n; i++)
        if (run_hook(&hook[i], &run, &err) < 0)
            log_warning("error running poststop hook #%zu: %s: %s", i, hook[i].path, err.message);
}

#define T ProcessState
typedef struct ProcessState {
    char *version;
    JsonTexts fds;
    JsonInt pid;
    char *metadata;
    OciState *state;
} ProcessState;
static const JsonField process_state_fields[] = {
    {"ociVersion", JSON_TEXT, JSON_AT(version)},
    {"fds", JSON_TEXTS, JSON_AT(fds)},
    {"pid", JSON_INT, JSON_AT(pid)},
    {"metadata", JSON_TEXT, JSON_AT(metadata)},
    {"state", JSON_OBJECT, JSON_AT(state), &oci_state_type},
    {},
};
static const JsonType process_state_type = {sizeof(T), process_state_fields};
#undef T

char *hook_process_state(const OciState *state, const char *metadata) {
    OciState copy = *state; /* borrowed members: encoded, never released */
    ProcessState document = {.version = copy.oci_version,
        .pid = copy.pid,
        .metadata = (char *)(uintptr_t)metadata,
        .state = &copy};
    json_texts_add(&document.fds, "seccompFd");
    char *text = json_encode(&process_state_type, &document, 0);
    json_texts_done(&document.fds);
    return text;
}
