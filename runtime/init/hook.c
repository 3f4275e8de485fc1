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

static int run_hook(
    const OciHook *hook, const OciState *state, char *const *environment, Error *err) {
    autoclose int input = -1, output = memfd_create("output", MFD_CLOEXEC);
    const char *alone[] = {hook->path, NULL};
    char *const nothing[] = {NULL};
    char *const *standard = environment ? environment : nothing;
    TRY(open_state(state, &input, err));
    ProcessSpawn spawn = {
        .argv = hook->args.n ? (const char *const *)hook->args.item : alone,
        .environ = (const char *const *)(hook->env.n ? hook->env.item : standard),
        .fds = {input, output, output},
        .path = hook->path,
    };
    pid_t pid;
    if (!path_is_absolute(hook->path))
        return error_set(err, ERROR_INVALID, "expected an absolute path");
    TRY(process_spawn(&spawn, &pid, err));
    return wait_for_hook(hook, pid, output, err);
}

int hooks_run(const JsonObjects *hooks, const char *kind, const OciState *state,
    char *const *environment, Error *err) {
    const OciHook *hook = hooks->item;
    for (size_t i = 0; i < hooks->n; i++)
        if (run_hook(&hook[i], state, environment, err) < 0)
            return error_prefix(err, "error running %s hook #%zu: %s", kind, i, hook[i].path);
    return 0;
}

void hooks_run_all(const JsonObjects *hooks, const char *kind, const OciState *state) {
    const OciHook *hook = hooks->item;
    Error err;
    for (size_t i = 0; i < hooks->n; i++)
        if (run_hook(&hook[i], state, NULL, &err) < 0)
            log_warning("error running %s hook #%zu: %s: %s", kind, i, hook[i].path, err.message);
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
    return json_encode(&process_state_type, &document, 0);
}
