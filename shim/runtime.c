// SPDX-License-Identifier: Apache-2.0
#include "shim/runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/process.h"
#include "base/text.h"
#include "base/time.h"
#include "shim/delegate.h"
#include "shim/safe_program.h"

enum {
    LOG_MAX = 1 << 20,
    ARGUMENTS_MAX = 64
};

/* Hooks of the configuration run within create and start. */
static const int64_t timeout = 120 * TIME_SECOND;

/* Of one that was killed: it stays for as long as a file system does not answer. */
static const int64_t end_timeout = 10 * TIME_SECOND;

typedef struct LogLine {
    char *level, *msg, *reason;
    JsonInt code;
} LogLine;
#define T LogLine
static const JsonField line_fields[] = {
    {"level", JSON_TEXT, JSON_AT(level)},
    {"msg", JSON_TEXT, JSON_AT(msg)},
    {"code", JSON_INT, JSON_AT(code)},
    {"reason", JSON_TEXT, JSON_AT(reason)},
    {},
};
static const JsonType line_type = {sizeof(T), line_fields};
#undef T

/* What runtimes say that know no codes; the words are runc's and crun's. */
static const struct {
    const char *words, *more; /* both must be there */
    int code;
    const char *reason;
} known_words[] = {
    {"executable file not found", "", ERROR_NOT_FOUND, "COMMAND_NOT_FOUND"},
    {"executable file `", "not found", ERROR_NOT_FOUND, "COMMAND_NOT_FOUND"},
    {"exec: \"", "no such file or directory", ERROR_NOT_FOUND, "COMMAND_NOT_FOUND"},
    {"exec: \"", "permission denied", ERROR_DENIED, "COMMAND_NOT_EXECUTABLE"},
    {"does not exist", "", ERROR_NOT_FOUND, ""},
    {"container not running", "", ERROR_NOT_FOUND, ""},
    {"no such process", "", ERROR_NOT_FOUND, ""},
    {"process already finished", "", ERROR_NOT_FOUND, ""},
};

static int line_error(const LogLine *line, Error *err) {
    int code = line->code.set && line->code.value > 0 && line->code.value <= 16
                   ? (int)-line->code.value
                   : ERROR_UNKNOWN;
    error_set(err, code, "%s", line->msg ? line->msg : "");
    if (line->reason)
        error_set_reason(err, line->reason);
    for (size_t i = 0; !line->code.set && i < array_size(known_words); i++)
        if (strstr(err->message, known_words[i].words) &&
            strstr(err->message, known_words[i].more)) {
            err->code = known_words[i].code;
            return error_set_reason(err, known_words[i].reason);
        }
    return err->code;
}

/* The last error of the log from `offset` on; 0 when there is none. */
static int last_error(const Runtime *runtime, off_t offset, Error *err) {
    autodone(Text) log = {};
    Error ignored;
    if (file_read(AT_FDCWD, runtime->log, LOG_MAX, &log, &ignored) < 0 ||
        (off_t)log.length <= offset)
        return 0;
    int r = 0;
    autotexts char **lines = texts_split(log.data + offset, '\n');
    for (char **text = lines; text && *text; text++) {
        LogLine line = {};
        if (json_decode(&line_type, *text, strlen(*text), &line, &ignored) < 0)
            continue;
        if (text_equal(line.level, "error") || text_equal(line.level, "fatal"))
            r = line_error(&line, err);
        json_done(&line_type, &line);
    }
    return r;
}

static off_t log_size(const Runtime *runtime) {
    struct stat status;
    return stat(runtime->log, &status) < 0 ? 0 : status.st_size;
}

typedef struct Arguments {
    size_t n;
    const char *item[ARGUMENTS_MAX];
} Arguments;

static void add(Arguments *arguments, const char *a) {
    if (arguments->n + 1 < ARGUMENTS_MAX)
        arguments->item[arguments->n++] = a;
}

static void add_pair(Arguments *arguments, const char *name, const char *value) {
    if (!value)
        return;
    add(arguments, name);
    add(arguments, value);
}

static void begin(Arguments *arguments, const Runtime *runtime, const char *command) {
    *arguments = (Arguments){};
    add(arguments, runtime->binary);
    for (char **item = runtime->arguments; item && *item; item++)
        add(arguments, *item);
    add_pair(arguments, "--root", runtime->root);
    add_pair(arguments, "--log", runtime->log);
    add_pair(arguments, "--log-format", "json");
    if (runtime->systemd_cgroup)
        add(arguments, "--systemd-cgroup");
    add(arguments, command);
}

static int spawn(const Runtime *runtime, const Arguments *arguments, const int fds[3],
    pid_t *ret_pid, Error *err) {
    ProcessSpawn child = PROCESS_SPAWN_INIT;
    child.argv = arguments->item;
    child.directory = runtime->bundle;
    if (fds)
        memcpy(child.fds, fds, sizeof child.fds);
    return safe_program_spawn(&child, ret_pid, err);
}

static int wait_for(
    const Runtime *runtime, pid_t pid, int64_t patience, int *ret_status, Error *err) {
    if (!runtime->loop)
        return process_wait(pid, patience, ret_status, err);
    autoclose int fd = pidfd_open(pid, 0); /* close-on-exec (pidfd_open(2)) */
    if (fd < 0)
        return error_set_errno(err, errno, "cannot wait for process %d", (int)pid);
    TRY(loop_await(runtime->loop, fd, patience, err));
    return process_wait(pid, -1, ret_status, err);
}

static int run(const Runtime *runtime, Arguments *arguments, const int fds[3], Error *err) {
    off_t before = log_size(runtime);
    pid_t pid;
    int status = 0;
    TRY(spawn(runtime, arguments, fds, &pid, err));
    Error ignored;
    int r = wait_for(runtime, pid, timeout, &status, err);
    if (r < 0) {
        kill(pid, SIGKILL);
        wait_for(
            runtime, pid, end_timeout, &status, &ignored); /* else it is reaped as orphans are */
        return error_prefix(err, "'%s'", runtime->binary);
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    r = last_error(runtime, before, err);
    if (r < 0)
        return r;
    return error_set(err, ERROR_UNKNOWN,
        "'%s' failed with status %d and left no message in its log", runtime->binary,
        process_exit_code(status));
}

static int read_pid(const Runtime *runtime, const char *file, pid_t *ret, Error *err) {
    autodone(Text) text = {};
    autofree char *path = path_join(runtime->bundle, file);
    TRY(file_read(AT_FDCWD, path, 64, &text, err));
    uint64_t pid;
    TRY(text_parse_uint(text.data, "pid file", &pid, err));
    *ret = (pid_t)pid;
    return 0;
}

static int run_process(const Runtime *runtime, Arguments *arguments, const char *id,
    const RuntimeProcess *process, pid_t *ret_pid, Error *err) {
    autofree char *pid_file = path_join(runtime->bundle, process->pid_file);
    add_pair(arguments, "--pid-file", pid_file);
    add_pair(arguments, "--console-socket", process->console_socket);
    add(arguments, id);
    TRY(run(runtime, arguments, process->fds, err));
    return read_pid(runtime, process->pid_file, ret_pid, err);
}

static int refuse(const Runtime *runtime, const char *what, Error *err) {
    return error_set(err, ERROR_UNSUPPORTED,
        "%s need an OCI runtime; this container is run by the shim '%s'", what,
        delegate_program(runtime->delegate));
}

int runtime_create(const Runtime *runtime, const char *id, const RuntimeProcess *process,
    pid_t *ret_pid, Error *err) {
    Arguments arguments;
    if (runtime->delegate)
        return delegate_create(runtime->delegate, process, ret_pid, err);
    begin(&arguments, runtime, "create");
    add_pair(&arguments, "--bundle", runtime->bundle);
    if (runtime->no_pivot)
        add(&arguments, "--no-pivot");
    if (runtime->no_new_keyring)
        add(&arguments, "--no-new-keyring");
    return run_process(runtime, &arguments, id, process, ret_pid, err);
}

int runtime_exec(const Runtime *runtime, const char *id, const RuntimeProcess *process,
    const char *spec_file, pid_t *ret_pid, Error *err) {
    Arguments arguments;
    if (runtime->delegate)
        return delegate_exec(runtime->delegate, process, spec_file, ret_pid, err);
    begin(&arguments, runtime, "exec");
    add_pair(&arguments, "--process", spec_file);
    add(&arguments, "--detach");
    return run_process(runtime, &arguments, id, process, ret_pid, err);
}

int runtime_exec_attached(const Runtime *runtime, const char *id, const char *spec_file,
    const char *pid_file, const int fds[3], pid_t *ret_pid, Error *err) {
    Arguments arguments;
    if (runtime->delegate)
        return refuse(runtime, "health checks by command", err);
    begin(&arguments, runtime, "exec");
    add_pair(&arguments, "--process", spec_file);
    add_pair(&arguments, "--pid-file", pid_file);
    add(&arguments, id);
    return spawn(runtime, &arguments, fds, ret_pid, err);
}

int runtime_restore(const Runtime *runtime, const char *id, const RuntimeProcess *process,
    const char *image_path, const char *work_path, pid_t *ret_pid, Error *err) {
    Arguments arguments;
    if (runtime->delegate)
        return refuse(runtime, "restoring", err);
    begin(&arguments, runtime, "restore");
    add_pair(&arguments, "--bundle", runtime->bundle);
    add_pair(&arguments, "--image-path", image_path);
    add_pair(&arguments, "--work-path", work_path);
    add(&arguments, "--detach");
    if (runtime->no_pivot)
        add(&arguments, "--no-pivot");
    return run_process(runtime, &arguments, id, process, ret_pid, err);
}

int runtime_checkpoint(
    const Runtime *runtime, const char *id, const RuntimeCheckpoint *checkpoint, Error *err) {
    const struct {
        bool set;
        const char *name;
    } flags[] = {
        {checkpoint->leave_running, "--leave-running"},
        {checkpoint->tcp_established, "--tcp-established"},
        {checkpoint->ext_unix_sk, "--ext-unix-sk"},
        {checkpoint->shell_job, "--shell-job"},
        {checkpoint->file_locks, "--file-locks"},
    };
    Arguments arguments;
    if (runtime->delegate)
        return refuse(runtime, "checkpoints", err);
    begin(&arguments, runtime, "checkpoint");
    add_pair(&arguments, "--image-path", checkpoint->image_path);
    add_pair(&arguments, "--work-path", checkpoint->work_path);
    add_pair(&arguments, "--parent-path", checkpoint->parent_path);
    add_pair(&arguments, "--manage-cgroups-mode", checkpoint->cgroup_mode);
    for (size_t i = 0; i < array_size(flags); i++)
        if (flags[i].set)
            add(&arguments, flags[i].name);
    for (size_t i = 0; i < checkpoint->empty_namespaces_n; i++)
        add_pair(&arguments, "--empty-ns", checkpoint->empty_namespaces[i]);
    add(&arguments, id);
    return run(runtime, &arguments, NULL, err);
}

int runtime_command(const Runtime *runtime, const char *command, const char *id, Error *err) {
    Arguments arguments;
    if (runtime->delegate)
        return delegate_command(runtime->delegate, command, err);
    begin(&arguments, runtime, command);
    add(&arguments, id);
    return run(runtime, &arguments, NULL, err);
}

int runtime_kill(const Runtime *runtime, const char *id, int signal, bool all, Error *err) {
    Arguments arguments;
    if (runtime->delegate)
        return delegate_kill(runtime->delegate, "", signal, all, err);
    autofree char *number = text_format("%d", signal);
    begin(&arguments, runtime, "kill");
    if (all)
        add(&arguments, "--all");
    add(&arguments, id);
    add(&arguments, number);
    return run(runtime, &arguments, NULL, err);
}

/* Our child, not yet reaped: the pid is still its own. */
int runtime_kill_exec(
    const Runtime *runtime, const char *exec_id, pid_t pid, int signal, Error *err) {
    if (runtime->delegate)
        return delegate_kill(runtime->delegate, exec_id, signal, false, err);
    if (kill(pid, signal) < 0)
        return error_set_errno(err, errno, "cannot send signal %d to exec '%s'", signal, exec_id);
    return 0;
}

int runtime_update(const Runtime *runtime, const char *id, const char *resources_file, Error *err) {
    Arguments arguments;
    if (runtime->delegate)
        return delegate_update(runtime->delegate, resources_file, err);
    begin(&arguments, runtime, "update");
    add_pair(&arguments, "--resources", resources_file);
    add(&arguments, id);
    return run(runtime, &arguments, NULL, err);
}

int runtime_delete(const Runtime *runtime, const char *id, Error *err) {
    Arguments arguments;
    if (runtime->delegate)
        return delegate_delete(runtime->delegate, err);
    begin(&arguments, runtime, "delete");
    add(&arguments, "--force");
    add(&arguments, id);
    int r = run(runtime, &arguments, NULL, err);
    return r == ERROR_NOT_FOUND ? 0 : r;
}

int runtime_find(const char *wanted, char **ret_binary, Error *err) {
    const char *name = text_is_empty(wanted) ? "tare-runtime" : wanted;
    if (strchr(name, '/')) {
        if (access(name, X_OK) < 0)
            return error_set_errno(err, errno, "cannot run '%s'", name);
        *ret_binary = text_copy(name);
        return 0;
    }
    return process_find_program(name, ret_binary, err);
}

void runtime_done(Runtime *runtime) {
    free(runtime->binary);
    free(runtime->root);
    free(runtime->bundle);
    free(runtime->log);
    texts_free(runtime->arguments);
    delegate_free(runtime->delegate);
    *runtime = (Runtime){};
}
