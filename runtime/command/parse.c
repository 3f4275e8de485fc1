// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "runtime/command/command.h"

static int count_error(const Command *command, const char *relation, int wanted, Error *err) {
    return error_set(err, ERROR_INVALID, "%s: \"%s\" requires %s %d argument%s; usage: %s %s %s",
        command->name, command->name, relation, wanted, wanted == 1 ? "" : "s", command_program,
        command->name, command->arguments);
}

static bool wants_help(int argc, char **argv) {
    for (int i = 1; i < argc && !text_equal(argv[i], "--"); i++) {
        if (text_equal(argv[i], "--help") || text_equal(argv[i], "-h"))
            return true;
        if (argv[i][0] != '-')
            return false;
    }
    return false;
}

/* As with the reference runtime: an empty text is an option that was not given. */
static void drop_empty_texts(const Option *options, void *parsed) {
    for (const Option *row = options; row->name; row++) {
        const char **text = (const char **)((char *)parsed + row->offset);
        if (row->kind == OPTION_TEXT && text_is_empty(*text))
            *text = NULL;
    }
}

int command_parse(const Command *command, int argc, char **argv, int min, int max, void *ret,
    int *ret_first, Error *err) {
    /* what follows the last fixed word belongs to the container's program (exec ID CMD -l) */
    OptionMode mode = max < 0 ? OPTION_UNTIL_COMMAND : OPTION_ANYWHERE;
    const OptionParse parse = {.options = command->options, .mode = mode, .either_dash = true};
    if (wants_help(argc, argv)) {
        printf("NAME:\n   %s %s - %s\n\nUSAGE:\n   %s %s [options] %s\n\nOPTIONS:\n",
            command_program, command->name, command->summary, command_program, command->name,
            command->arguments);
        option_print_help(command->options, stdout);
        return 1;
    }
    TRY(option_parse(&parse, argc, argv, ret, ret_first, err));
    drop_empty_texts(command->options, ret);
    int n = argc - *ret_first;
    if (n < min)
        return count_error(command, min == max ? "exactly" : "a minimum of", min, err);
    if (max >= 0 && n > max)
        return count_error(command, min == max ? "exactly" : "a maximum of", max, err);
    return 0;
}

static int act_on_container(
    const Command *command, const Globals *globals, int argc, char **argv, Error *err) {
    autodone(Container) container = {.dir = -1};
    autofree void *options = memory_new(command->options_size + 1);
    int max = command->more_words < 0 ? -1 : 1 + command->more_words, first;
    int r = command_parse(command, argc, argv, 1, max, options, &first, err);
    if (r)
        return r < 0 ? r : 0;
    TRY(container_load(&container, globals->root, argv[first], err));
    const Subject subject = {globals, &container, options, argv + first + 1};
    return command->act(&subject, err);
}

int command_execute(
    const Command *command, const Globals *globals, int argc, char **argv, Error *err) {
    return command->run ? command->run(globals, argc, argv, err)
                        : act_on_container(command, globals, argc, argv, err);
}

int command_parse_rootless(const Globals *globals, bool *ret, Error *err) {
    const char *word = globals->rootless;
    if (text_is_empty(word) || text_equal(word, "auto"))
        return *ret = cgroup_is_rootless(), 0;
    if (!text_equal(word, "true") && !text_equal(word, "false"))
        return error_set(err, ERROR_INVALID, "invalid --rootless: \"%s\"", word);
    *ret = text_equal(word, "true");
    return 0;
}

unsigned command_listen_fds(void) {
    const char *pid = getenv("LISTEN_PID"), *n = getenv("LISTEN_FDS");
    uint64_t number, count;
    Error ignored;
    if (!pid || !n || text_parse_uint(pid, "LISTEN_PID", &number, &ignored) < 0 ||
        text_parse_uint(n, "LISTEN_FDS", &count, &ignored) < 0 || number != (uint64_t)getpid())
        return 0;
    return count < command_inherited_fds ? (unsigned)count : command_inherited_fds;
}

int command_check_preserve(int64_t preserve, unsigned listen_fds, unsigned *ret, Error *err) {
    if (preserve < 0 || preserve > command_inherited_fds - listen_fds)
        return error_set(err, ERROR_INVALID,
            "--preserve-fds %lld: only %u descriptors from %u on are open", (long long)preserve,
            command_inherited_fds - listen_fds, 3 + listen_fds);
    *ret = (unsigned)preserve;
    return 0;
}
