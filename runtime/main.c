// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/command/command.h"
#include "runtime/security/executable.h"
#include "runtime/security/seccomp.h"
#include "version.h"

#define T Globals
static const Option global_options[] = {
    {0, "debug", OPTION_FLAG, offsetof(T, debug), NULL, "enable debug logging"},
    {0, "log", OPTION_TEXT, offsetof(T, log), "file",
        "write the log to a file instead of standard error"},
    {0, "log-format", OPTION_TEXT, offsetof(T, log_format), "format", "text (the default) or json"},
    {0, "root", OPTION_TEXT, offsetof(T, root), "directory",
        "where the state of containers is kept (default /run/tare-runtime)"},
    {0, "systemd-cgroup", OPTION_FLAG, offsetof(T, systemd_cgroup), NULL,
        "let systemd make the cgroups"},
    {0, "rootless", OPTION_TEXT, offsetof(T, rootless), "word",
        "ignore cgroup permission errors: true, false or auto (the default)"},
    {'v', "version", OPTION_FLAG, offsetof(T, version), NULL, "print the version"},
    {'h', "help", OPTION_FLAG, offsetof(T, help), NULL, "print this help"},
    {},
};
#undef T

static const Command *const commands[] = {&command_checkpoint, &command_create, &command_delete,
    &command_events, &command_exec, &command_features, &command_kill, &command_list, &command_pause,
    &command_ps, &command_restore, &command_resume, &command_run, &command_spec, &command_start,
    &command_state, &command_update};

unsigned command_inherited_fds;

static void print_help(void) {
    printf("tare-runtime: runs containers described by OCI bundles\n\n"
           "usage: tare-runtime [global options] COMMAND [options] [arguments]\n\nCommands:\n");
    for (size_t i = 0; i < array_size(commands); i++)
        printf("  %-10s %s\n", commands[i]->name, commands[i]->summary);
    printf("\nGlobal options:\n");
    option_print_help(global_options, stdout);
    printf("\n\"tare-runtime COMMAND --help\" tells more.\n");
}

static void print_version(void) {
    printf("tare-runtime version %s\ncommit: %s\nspec: %s\nlibseccomp: %s\n", TARE_VERSION,
        TARE_COMMIT, OCI_RUNTIME_VERSION, seccomp_library_version());
}

static int configure_log(const Globals *globals, Error *err) {
    int fd = STDERR_FILENO;
    LogFormat format = LOG_FORMAT_TEXT;
    if (globals->log_format && strcmp(globals->log_format, "json") == 0)
        format = LOG_FORMAT_JSON;
    else if (globals->log_format && strcmp(globals->log_format, "text") != 0)
        return error_set(err, ERROR_INVALID, "invalid log-format: \"%s\"", globals->log_format);
    if (!text_is_empty(globals->log))
        TRY(file_open(AT_FDCWD, globals->log, O_WRONLY | O_CREAT | O_APPEND, 0644, &fd, err));
    log_configure("tare-runtime", fd, format, globals->debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
    return 0;
}

static const Command *find_command(const char *name) {
    for (size_t i = 0; i < array_size(commands); i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

/* As the reference runtime: root of a user namespace counts as the user who made it, unless the
 * environment is root's. */
static char *default_root(void) {
    const char *directory = getenv("XDG_RUNTIME_DIR"), *user = getenv("USER");
    bool own = directory && (geteuid() != 0 || (!text_equal(user, "root") && cgroup_is_rootless()));
    return own ? text_format("%s/tare-runtime", directory) : text_copy("/run/tare-runtime");
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
    const Command *command = find_command(argv[first]);
    if (!command)
        return error_set(err, ERROR_INVALID, "unknown command \"%s\"", argv[first]);
    autofree char *root = globals->root ? text_copy(globals->root) : default_root();
    globals->root = root;
    if (command->meets_container)
        TRY(executable_protect(all, err));
    (void)close_range(3, ~0U, CLOSE_RANGE_CLOEXEC); /* nothing that we inherited leaks into hooks */
    return command->run(globals, argc - first, argv + first, err);
}

/* A log file is for programs; people read standard error. One failure is one line, whatever words
 * of others it quotes. */
static int fail(const Globals *globals, Error *err) {
    for (char *c = err->message; *c; c++)
        *c = *c == '\n' || *c == '\r' ? ' ' : *c;
    log_failure(LOG_LEVEL_ERROR, err);
    if (!text_is_empty(globals->log))
        fprintf(stderr, "tare-runtime: %s\n", err->message);
    return 1;
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
    open_standard_streams();
    survey_descriptors();
    int r = run(&globals, argc, argv, &err);
    return r < 0 ? fail(&globals, &err) : r;
}
