// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/path.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/command/command.h"
#include "runtime/init/message.h"
#include "runtime/security/executable.h"
#include "runtime/security/seccomp.h"
#include "version.h"

#define T Globals
static const Option global_options[] = {
    {0, "debug", OPTION_FLAG, offsetof(T, debug), NULL, "enable debug logging"},
    {0, "log", OPTION_TEXT, offsetof(T, log), "[file:]path",
        "log to a file, to journald:NAME or to syslog:NAME, as well as to standard error"},
    {0, "log-format", OPTION_TEXT, offsetof(T, log_format), "format", "text (the default) or json"},
    {0, "log-level", OPTION_TEXT, offsetof(T, log_level), "level",
        "error, warning, info (the default) or debug"},
    {0, "root", OPTION_TEXT, offsetof(T, root), "directory",
        "where the state of containers is kept (default /run/tare-runtime)"},
    {0, "systemd-cgroup", OPTION_FLAG, offsetof(T, systemd_cgroup), NULL,
        "let systemd make the cgroups"},
    {0, "cgroup-manager", OPTION_TEXT, offsetof(T, cgroup_manager), "name",
        "who makes the cgroups: cgroupfs (the default), systemd, or nobody: disabled"},
    {0, "rootless", OPTION_TEXT, offsetof(T, rootless), "word",
        "ignore cgroup permission errors: true, false or auto (the default)"},
    {'v', "version", OPTION_FLAG, offsetof(T, version), NULL, "print the version"},
    {'h', "help", OPTION_FLAG, offsetof(T, help), NULL, "print this help"},
    {},
};
#undef T

static const Command *const commands[] = {&command_checkpoint, &command_create, &command_delete,
    &command_events, &command_exec, &command_features, &command_kill, &command_list,
    &command_mounts, &command_pause, &command_ps, &command_restore, &command_resume, &command_run,
    &command_spec, &command_start, &command_state, &command_update};

unsigned command_inherited_fds;

/* As it was called: where a link named runc leads to us, runc is what people call. */
const char *command_program = "tare-runtime";

static void print_help(void) {
    printf(
        "NAME:\n   %s - Open Container Initiative runtime: runs containers described by bundles\n\n"
        "USAGE:\n   %s [global options] COMMAND [options] [arguments]\n\nCOMMANDS:\n",
        command_program, command_program);
    for (size_t i = 0; i < array_size(commands); i++)
        printf("   %-10s %s\n", commands[i]->name, commands[i]->summary);
    printf("\nGLOBAL OPTIONS:\n");
    option_print_help(global_options, stdout);
    printf("\n\"%s COMMAND --help\" tells more.\n", command_program);
}

static void print_version(void) {
    printf("%s version %s\ncommit: %s\nspec: %s\nlibseccomp: %s\n", command_program, TARE_VERSION,
        TARE_COMMIT, OCI_RUNTIME_VERSION, seccomp_library_version());
}

static bool logs_json(const Globals *globals) {
    return text_equal(globals->log_format, "json");
}

static int parse_level(const Globals *globals, LogLevel *ret, Error *err) {
    static const char *const names[] = {[LOG_LEVEL_ERROR] = "error",
        [LOG_LEVEL_WARNING] = "warning",
        [LOG_LEVEL_INFO] = "info",
        [LOG_LEVEL_DEBUG] = "debug"};
    *ret = globals->debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO;
    if (globals->debug || text_is_empty(globals->log_level))
        return 0;
    for (size_t i = 0; i < array_size(names); i++)
        if (text_equal(globals->log_level, names[i]))
            return *ret = (LogLevel)i, 0;
    return error_set(err, ERROR_INVALID, "invalid log-level: \"%s\"", globals->log_level);
}

/* crun's word for --systemd-cgroup, and for none. */
static int choose_manager(Globals *globals, Error *err) {
    const char *word = globals->cgroup_manager;
    if (text_is_empty(word) || text_equal(word, "cgroupfs"))
        return 0;
    globals->no_cgroup = text_equal(word, "disabled");
    if (!globals->no_cgroup && !text_equal(word, "systemd"))
        return error_set(err, ERROR_INVALID, "invalid cgroup-manager: \"%s\"", word);
    globals->systemd_cgroup = !globals->no_cgroup;
    return 0;
}

/* crun's BACKEND:SPECIFIER; whatever begins with no backend's name is a file. */
static int open_log(
    const char *log, LogFormat *format, const char **program, int *ret, Error *err) {
    static const struct {
        const char *prefix, *socket;
        LogFormat format;
    } daemons[] = {
        {"journald:", "/run/systemd/journal/socket", LOG_FORMAT_JOURNAL},
        {"syslog:", "/dev/log", LOG_FORMAT_SYSLOG},
    };
    for (size_t i = 0; i < array_size(daemons); i++) {
        if (!text_starts(log, daemons[i].prefix))
            continue;
        const char *name = log + strlen(daemons[i].prefix);
        *format = daemons[i].format;
        *program = *name ? name : *program;
        return fd_connect_datagram(daemons[i].socket, ret, err);
    }
    log += text_starts(log, "file:") ? strlen("file:") : 0;
    return file_open(AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND, 0644, ret, err);
}

static int configure_log(Globals *globals, Error *err) {
    int fd = STDERR_FILENO;
    const char *program = command_program;
    LogFormat format = logs_json(globals) ? LOG_FORMAT_JSON : LOG_FORMAT_FIELDS;
    LogLevel level;
    TRY(parse_level(globals, &level, err));
    if (!text_is_empty(globals->log_format) && !logs_json(globals) &&
        !text_equal(globals->log_format, "text"))
        return error_set(err, ERROR_INVALID, "invalid log-format: \"%s\"", globals->log_format);
    if (!text_is_empty(globals->log))
        TRY(open_log(globals->log, &format, &program, &fd, err));
    else if (level ==
             LOG_LEVEL_DEBUG) /* init logs, too, when its standard error is the container's */
        fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    globals->logs_to_file = !text_is_empty(globals->log);
    log_configure(program, fd, format, level);
    return 0;
}

/* As the reference runtime: root of a user namespace counts as the user who made it, unless the
 * environment is root's. */
static char *default_root(void) {
    const char *directory = getenv("XDG_RUNTIME_DIR"), *user = getenv("USER");
    bool own = directory && (geteuid() != 0 || (!text_equal(user, "root") && cgroup_is_rootless()));
    return own ? text_format("%s/tare-runtime", directory) : text_copy("/run/tare-runtime");
}

static int find_root(const Globals *globals, char **ret, Error *err) {
    if (!globals->root)
        return *ret = default_root(), 0;
    autofree char *root = path_absolute(globals->root);
    if (text_is_empty(globals->root) || text_equal(root, "/"))
        return error_set(err, ERROR_INVALID, "Option --root argument should not be set to /");
    *ret = take_ptr(&root);
    return 0;
}

/* Who has put us in runc's place has programs that look for its words, down to the beginning of an
 * error. To everybody else they say nothing. */
static bool is_runc(void) {
    return text_equal(command_program, "runc");
}

static const Command *find_command(const char *name) {
    for (size_t i = 0; i < array_size(commands); i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

static int run(Globals *globals, int argc, char **argv, Error *err) {
    const OptionParse parse = {
        .options = global_options, .mode = OPTION_UNTIL_COMMAND, .either_dash = true};
    int first;
    char **all = argv;
    TRY(option_parse(&parse, argc, argv, globals, &first, err));
    if (globals->version)
        return print_version(), 0;
    if (globals->help || first == argc || strcmp(argv[first], "help") == 0)
        return print_help(), 0;
    TRY(configure_log(globals, err));
    TRY(choose_manager(globals, err));
    const Command *command = find_command(argv[first]);
    if (!command)
        return error_set(
            err, ERROR_INVALID, "No help topic for '%s': there is no such command", argv[first]);
    globals->command = command;
    if (is_runc())
        message_name_failures("unable to start container process: error during container init");
    autofree char *root = NULL;
    TRY(find_root(globals, &root, err));
    globals->root_is_given = globals->root;
    globals->root = root;
    if (command->meets_container)
        TRY(executable_protect(all, err));
    (void)close_range(3, ~0U, CLOSE_RANGE_CLOEXEC); /* nothing that we inherited leaks into hooks */
    return command_execute(command, globals, argc - first, argv + first, err);
}

/* A log file and JSON are for programs; people read standard error. One failure is one line,
 * whatever words of others it quotes. */
static int fail(const Globals *globals, Error *err) {
    bool to_file = globals->logs_to_file;
    const Command *command = globals->command;
    if (is_runc() && command && command->as_runc && !text_starts(err->message, "exec "))
        error_prefix(err, "%s", command->as_runc);
    for (char *c = err->message; *c; c++)
        *c = *c == '\n' || *c == '\r' ? ' ' : *c;
    if (to_file || logs_json(globals))
        log_failure(LOG_LEVEL_ERROR, err);
    if (to_file || !logs_json(globals))
        fprintf(stderr, "%s\n", err->message);
    return command && command->failure ? command->failure : 1;
}

static void survey_descriptors(void) {
    while (fcntl(3 + (int)command_inherited_fds, F_GETFD) >= 0)
        command_inherited_fds++;
}

/* Standard streams that are closed would be given to the first files that we open. */
static void open_standard_streams(void) {
    for (int fd = 0; fd <= 2; fd++) /* open(2) takes the lowest number that is free */
        if (fcntl(fd, F_GETFD) < 0)
            (void)openat(AT_FDCWD, "/dev/null", O_RDWR);
}

int main(int argc, char **argv) {
    Globals globals = {};
    Error err = {};
    if (argc > 0 && *argv[0])
        command_program = path_name(argv[0]);
    open_standard_streams();
    signal(SIGPIPE, SIG_IGN); /* a peer that is gone is an error of write(2) */
    survey_descriptors();
    int r = run(&globals, argc, argv, &err);
    int code = r < 0 ? fail(&globals, &err) : r;
    if (globals.command && globals.command->ends_inside) {
        fflush(NULL);
        _exit(code); /* what a library does at exit would find the container's /proc, without us */
    }
    return code;
}
