// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/man.h"
#include "version.h"

/* tare [OPTIONS] COMMAND: finds the row, parses its options by its table, calls it. Leaves by
 * _exit: gRPC's threads have nothing to save (2 ms less than an orderly shutdown). */

static int leave(int code) {
    if (fflush(stdout) == EOF || ferror(stdout)) {
        fprintf(stderr, "tare: cannot write to standard output\n");
        code = code ? code : 1;
    }
    fflush(stderr);
    _exit(code);
}

static int usage_error(const char *name, const Command *command, const Error *err) {
    fprintf(stderr, "%s\n\nUsage:  tare %s%s%s\n\nRun 'tare %s --help' for more information\n",
        err->message, name, *command->arguments ? " " : "", command->arguments, name);
    return EXIT_ENGINE;
}

static const char *plural(int n) {
    return n == 1 ? "argument" : "arguments";
}

static int count_error(const char *name, const Command *command) {
    fprintf(stderr, "tare: 'tare %s' ", name);
    if (command->max == 0)
        fprintf(stderr, "accepts no arguments");
    else if (command->max == command->min)
        fprintf(stderr, "requires %d %s", command->min, plural(command->min));
    else if (command->max < 0)
        fprintf(stderr, "requires at least %d %s", command->min, plural(command->min));
    else if (command->min == 0)
        fprintf(stderr, "requires at most %d %s", command->max, plural(command->max));
    else
        fprintf(stderr, "requires at least %d and at most %d %s", command->min, command->max,
            plural(command->max));
    fprintf(stderr, "\n\nUsage:  tare %s%s%s\n\nRun 'tare %s --help' for more information\n", name,
        *command->arguments ? " " : "", command->arguments, name);
    return 1;
}

static void options_done(const Option *options, void *values) {
    for (const Option *option = options; option->name; option++)
        if (option->kind == OPTION_TEXTS || option->kind == OPTION_FILTERS)
            option_texts_done((OptionTexts *)((char *)values + option->offset));
}

static int run_command(Cli *cli, const CommandRow *row, int argc, char **argv) {
    const Command *command = row->command;
    autofree char *name = command_row_name(row);
    cli->command = command;
    cli->name = name;

    autofree Option *options = command_options(command);
    autofree void *values = memory_new(command->options_size + sizeof(bool));
    if (command->defaults)
        memcpy(values, command->defaults, command->options_size);
    OptionParse parse = {options, command->mode, false};
    int first = 0, code;
    Error err = {};
    if (option_parse(&parse, argc, argv, values, &first, &err) < 0) {
        code = usage_error(name, command, &err);
    } else if (*((bool *)values + command->options_size)) {
        command_print_help(command, name, stdout);
        code = 0;
    } else if (argc - first < command->min || (command->max >= 0 && argc - first > command->max)) {
        code = count_error(name, command);
    } else {
        code = command->run(cli, values, argc - first, argv + first);
    }
    options_done(options, values);
    return code;
}

static int unknown_command(const char *group, const char *name) {
    if (group)
        fprintf(stderr, "tare: unknown command: tare %s %s\n\n", group, name);
    else
        fprintf(stderr, "tare: unknown command: tare %s\n\n", name);
    fprintf(stderr, "Run 'tare %s%s--help' for more information\n", group ? group : "",
        group ? " " : "");
    return 1;
}

static int run_group(Cli *cli, const CommandGroup *group, int argc, char **argv) {
    if (argc < 2) {
        group_print_help(group, stderr);
        return 1;
    }
    if (text_equal(argv[1], "--help") || text_equal(argv[1], "-h")) {
        group_print_help(group, stdout);
        return 0;
    }
    const CommandRow *row = command_find(group->name, argv[1]);
    return row ? run_command(cli, row, argc - 1, argv + 1) : unknown_command(group->name, argv[1]);
}

static int check_log_level(const char *level, Error *err) {
    static const char *const levels[] = {"debug", "info", "warn", "error", "fatal"};
    for (size_t i = 0; i < array_size(levels); i++)
        if (text_equal(level, levels[i]))
            return 0;
    return error_set(err, ERROR_INVALID, "unable to parse logging level: %s", level);
}

static int program_usage_error(const Error *err) {
    fprintf(stderr,
        "%s\n\nUsage:  tare [OPTIONS] COMMAND [ARG...]\n\nRun 'tare --help' for more information\n",
        err->message);
    return EXIT_ENGINE;
}

static int run_words(Cli *cli, int argc, char **argv) {
    if (text_equal(argv[0], "help")) {
        if (argc == 1) {
            program_print_help(stdout);
            return 0;
        }
        argv[0] = argv[1];
        argv[1] = (char *)"--help";
        argc = 2;
    }
    const CommandGroup *group = command_group_find(argv[0]);
    if (group)
        return run_group(cli, group, argc, argv);
    const CommandRow *row = command_find(NULL, argv[0]);
    return row ? run_command(cli, row, argc, argv) : unknown_command(NULL, argv[0]);
}

static int run_program(int argc, char **argv) {
    GlobalOptions options = {};
    OptionParse parse = {global_options, OPTION_UNTIL_COMMAND, false};
    Error err = {};
    int first = 0;
    if (option_parse(&parse, argc, argv, &options, &first, &err) < 0)
        return program_usage_error(&err);
    if (options.log_level && check_log_level(options.log_level, &err) < 0)
        return program_usage_error(&err);
    if (options.version) {
        printf("Tare version %s, build %s\n", TARE_VERSION, TARE_COMMIT);
        return 0;
    }
    if (options.help || first == argc) {
        program_print_help(options.help ? stdout : stderr);
        return options.help ? 0 : 1;
    }
    Cli cli = {.host = options.host, .debug = options.debug};
    log_configure("tare", STDERR_FILENO, LOG_FORMAT_TEXT,
        options.debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARNING);
    int code = run_words(&cli, argc - first, argv + first);
    cli_disconnect(&cli);
    return code;
}

int main(int argc, char **argv) {
    if (argc >= 2 && text_equal(argv[1], "__man")) // the build makes man pages from the tables
        return leave(man_print(argc - 2, argv + 2));
    if (argc >= 2 && text_equal(argv[1], "__words")) {
        command_print_words(argc - 2, argv + 2, stdout);
        return leave(0);
    }
    return leave(run_program(argc, argv));
}
