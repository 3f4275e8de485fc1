// SPDX-License-Identifier: Apache-2.0
#include "cli/man.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "cli/commands.h"
#include "version.h"

/* In roff a leading dot or quote is a request, and "-" is a hyphen unless escaped. */
static void print_text(const char *text) {
    for (const char *p = text; *p; p++) {
        bool line_start = p == text || p[-1] == '\n';
        if (line_start && (*p == '.' || *p == '\''))
            fputs("\\&", stdout);
        if (*p == '-' || *p == '\\')
            fputc('\\', stdout);
        if (*p == '\n' && p[1] == '\n') {
            fputs("\n.PP", stdout);
            continue;
        }
        fputc(*p, stdout);
    }
    fputc('\n', stdout);
}

static void print_header(const char *title, const char *summary) {
    printf(".TH \"%s\" 1 \"\" \"tare %s\" \"Tare\"\n.SH NAME\n%s \\- ", title, TARE_VERSION, title);
    print_text(summary);
}

static void print_options(const Option *options) {
    for (const Option *option = options; option->name; option++) {
        if (!option->help)
            continue;
        printf(".TP\n");
        if (option->letter)
            printf("\\fB\\-%c\\fR, ", option->letter);
        printf("\\fB\\-\\-");
        for (const char *p = option->name; *p; p++)
            printf("%s%c", *p == '-' ? "\\" : "", *p);
        printf("\\fR");
        if (option->value)
            printf(" \\fI%s\\fR", option->value);
        printf("\n");
        print_text(option->help);
    }
}

static int print_command(const CommandRow *row) {
    const Command *command = row->command;
    autofree char *title = row->group ? text_format("tare-%s-%s", row->group, row->name)
                                      : text_format("tare-%s", row->name);
    print_header(title, command->summary);
    printf(".SH SYNOPSIS\n");
    for (const CommandRow *other = command_rows; other->name; other++) {
        if (other->command != command)
            continue;
        autofree char *name = command_row_name(other);
        printf(".B tare %s\n", name);
        print_text(command->arguments);
        printf(".br\n");
    }
    printf(".SH DESCRIPTION\n");
    print_text(command->summary);
    if (command->more) {
        printf(".PP\n");
        print_text(command->more);
    }
    printf(".SH OPTIONS\n");
    autofree Option *options = command_options(command);
    print_options(options);
    printf(".SH SEE ALSO\n.BR tare (1),\n.BR tared (8)\n");
    return 0;
}

static void print_rows(const char *group) {
    for (const CommandRow *row = command_rows; row->name; row++) {
        if (!text_equal(row->group, group))
            continue;
        autofree char *name = command_row_name(row);
        printf(".TP\n\\fB%s\\fR\n", name);
        print_text(row->command->summary);
    }
}

static int print_program(void) {
    print_header("tare", "run containers");
    printf(".SH SYNOPSIS\n.B tare\n[OPTIONS] COMMAND [ARG...]\n.SH DESCRIPTION\n");
    print_text("tare is the command line of the Tare container engine, tared(8). It keeps nothing "
               "itself: it asks the engine, and connects the terminal to the streams of a "
               "container. When no engine answers at the default socket, it starts one.");
    printf(".SH OPTIONS\n");
    print_options(global_options);
    printf(".SH COMMANDS\nEach has a page of its own, e.g.\n.BR tare\\-run (1).\n");
    print_rows(NULL);
    for (const CommandGroup *group = command_groups; group->name; group++) {
        printf(".SS %s\n", group->summary);
        print_rows(group->name);
    }
    printf(".SH ENVIRONMENT\n"
           ".TP\n.B TARE_HOST\nEngine to connect to when \\fB\\-\\-host\\fR is absent, e.g.\n"
           "unix:///run/tare/tared.sock or tcp://127.0.0.1:2375. No engine is started then.\n"
           ".TP\n.B TARE_STATE\nThe engine's state directory, default /run/tare: the socket is\n"
           "tared.sock in it, and tared.log takes the output of an engine that tare started.\n"
           ".TP\n.B DOCKER_CONFIG\nDirectory of config.json with registry credentials and\n"
           "detachKeys, default ~/.docker.\n"
           ".SH EXIT STATUS\n0 on success, 1 on failure, 125 for wrong flags.\n"
           ".BR tare\\-run (1)\nand\n.BR tare\\-exec (1)\nreturn the status of the program that "
           "they ran.\n"
           ".SH SEE ALSO\n.BR tared (8),\n.BR tare\\-runtime (8)\n");
    return 0;
}

int man_print(int argc, char **argv) {
    if (argc == 0)
        return print_program();
    const CommandRow *row = argc > 1 ? command_find(argv[0], argv[1]) : command_find(NULL, argv[0]);
    return row ? print_command(row) : 1;
}
