// SPDX-License-Identifier: Apache-2.0
#include "cli/commands.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "cli/command/command.h"

const CommandRow command_rows[] = {
    {NULL, "attach", NULL, &command_attach},
    {NULL, "commit", NULL, &command_commit},
    {NULL, "create", NULL, &command_create},
    {NULL, "diff", NULL, &command_diff},
    {NULL, "event", NULL, &command_event},
    {NULL, "events", NULL, &command_events},
    {NULL, "exec", NULL, &command_exec},
    {NULL, "export", NULL, &command_export},
    {NULL, "history", NULL, &command_history},
    {NULL, "images", NULL, &command_images},
    {NULL, "import", NULL, &command_import},
    {NULL, "info", NULL, &command_info},
    {NULL, "inspect", NULL, &command_inspect},
    {NULL, "kill", NULL, &command_kill},
    {NULL, "load", NULL, &command_load},
    {NULL, "login", NULL, &command_login},
    {NULL, "logout", NULL, &command_logout},
    {NULL, "logs", NULL, &command_logs},
    {NULL, "ps", NULL, &command_ps},
    {NULL, "pull", NULL, &command_pull},
    {NULL, "push", NULL, &command_push},
    {NULL, "rm", NULL, &command_rm},
    {NULL, "rmi", NULL, &command_rmi},
    {NULL, "run", NULL, &command_run},
    {NULL, "save", NULL, &command_save},
    {NULL, "search", NULL, &command_search},
    {NULL, "start", NULL, &command_start},
    {NULL, "stop", NULL, &command_stop},
    {NULL, "tag", NULL, &command_tag},
    {NULL, "update", NULL, &command_update},
    {NULL, "version", NULL, &command_version},
    {NULL, "wait", NULL, &command_wait},
    {"container", "attach", NULL, &command_attach},
    {"container", "commit", NULL, &command_commit},
    {"container", "create", NULL, &command_create},
    {"container", "diff", NULL, &command_diff},
    {"container", "exec", NULL, &command_exec},
    {"container", "export", NULL, &command_export},
    {"container", "inspect", NULL, &command_container_inspect},
    {"container", "kill", NULL, &command_kill},
    {"container", "logs", NULL, &command_logs},
    {"container", "ls", "list ps", &command_ps},
    {"container", "prune", NULL, &command_container_prune},
    {"container", "rm", "remove", &command_rm},
    {"container", "run", NULL, &command_run},
    {"container", "start", NULL, &command_start},
    {"container", "stop", NULL, &command_stop},
    {"container", "update", NULL, &command_update},
    {"container", "wait", NULL, &command_wait},
    {"content", "active", NULL, &command_content_active},
    {"content", "fetch", NULL, &command_content_fetch},
    {"content", "get", NULL, &command_content_get},
    {"content", "ingest", NULL, &command_content_ingest},
    {"content", "label", NULL, &command_content_label},
    {"content", "ls", "list", &command_content_ls},
    {"content", "rm", "remove", &command_content_rm},
    {"image", "history", NULL, &command_history},
    {"image", "import", NULL, &command_import},
    {"image", "inspect", NULL, &command_image_inspect},
    {"image", "load", NULL, &command_load},
    {"image", "ls", "list", &command_images},
    {"image", "prune", NULL, &command_image_prune},
    {"image", "pull", NULL, &command_pull},
    {"image", "push", NULL, &command_push},
    {"image", "referrers", NULL, &command_referrers},
    {"image", "rm", "remove rmi", &command_rmi},
    {"image", "save", NULL, &command_save},
    {"image", "tag", NULL, &command_tag},
    {"lease", "create", NULL, &command_lease_create},
    {"lease", "ls", "list", &command_lease_ls},
    {"lease", "rm", "remove", &command_lease_rm},
    {"namespace", "create", NULL, &command_namespace_create},
    {"namespace", "label", NULL, &command_namespace_label},
    {"namespace", "ls", "list", &command_namespace_ls},
    {"namespace", "rm", "remove", &command_namespace_rm},
    {"snapshot", "commit", NULL, &command_snapshot_commit},
    {"snapshot", "diff", NULL, &command_snapshot_diff},
    {"snapshot", "info", NULL, &command_snapshot_info},
    {"snapshot", "ls", "list", &command_snapshot_ls},
    {"snapshot", "mounts", NULL, &command_snapshot_mounts},
    {"snapshot", "prepare", NULL, &command_snapshot_prepare},
    {"snapshot", "rm", "remove", &command_snapshot_rm},
    {"snapshot", "tree", NULL, &command_snapshot_tree},
    {"snapshot", "usage", NULL, &command_snapshot_usage},
    {"snapshot", "view", NULL, &command_snapshot_view},
    {"system", "df", NULL, &command_system_df},
    {"system", "events", NULL, &command_events},
    {"system", "info", NULL, &command_info},
    {"system", "prune", NULL, &command_system_prune},
    {"task", "exec", NULL, &command_task_exec},
    {"task", "kill", NULL, &command_task_kill},
    {"task", "ls", "list", &command_task_ls},
    {"task", "metrics", NULL, &command_task_metrics},
    {"task", "pause", NULL, &command_task_pause},
    {"task", "ps", NULL, &command_task_ps},
    {"task", "resume", NULL, &command_task_resume},
    {"task", "rm", "remove", &command_task_rm},
    {"task", "start", NULL, &command_task_start},
    {"task", "wait", NULL, &command_task_wait},
    {"volume", "create", NULL, &command_volume_create},
    {"volume", "inspect", NULL, &command_volume_inspect},
    {"volume", "ls", "list", &command_volume_ls},
    {"volume", "prune", NULL, &command_volume_prune},
    {"volume", "rm", "remove", &command_volume_rm},
    {},
};

const CommandGroup command_groups[] = {
    {"container", "Manage containers"},
    {"content", "Look at content by digest"},
    {"image", "Manage images"},
    {"lease", "Hold on to content and snapshots"},
    {"namespace", "Manage namespaces of containerd's clients"},
    {"snapshot", "Manage snapshots"},
    {"system", "Manage Tare"},
    {"task", "Manage tasks of containerd's clients"},
    {"volume", "Manage volumes"},
    {},
};

#define T GlobalOptions
const Option global_options[] = {
    {'D', "debug", OPTION_FLAG, offsetof(T, debug), NULL, "Show codes and reasons of errors"},
    {'h', "help", OPTION_FLAG, offsetof(T, help), NULL, "Print usage"},
    {'H', "host", OPTION_TEXT, offsetof(T, host), "string", "Engine socket to connect to"},
    {'l', "log-level", OPTION_TEXT, offsetof(T, log_level), "string",
        "Set the logging level (\"debug\", \"info\", \"warn\", \"error\", \"fatal\")"},
    {'v', "version", OPTION_FLAG, offsetof(T, version), NULL, "Print version information and quit"},
    {},
};
#undef T

static bool has_word(const char *words, const char *word) {
    if (!words)
        return false;
    autotexts char **list = texts_split(words, ' ');
    for (size_t i = 0; list[i]; i++)
        if (text_equal(list[i], word))
            return true;
    return false;
}

const CommandRow *command_find(const char *group, const char *name) {
    for (const CommandRow *row = command_rows; row->name; row++)
        if (text_equal(row->group, group) &&
            (text_equal(row->name, name) || has_word(row->aliases, name)))
            return row;
    return NULL;
}

const CommandGroup *command_group_find(const char *name) {
    for (const CommandGroup *group = command_groups; group->name; group++)
        if (text_equal(group->name, name))
            return group;
    return NULL;
}

static int compare_names(const void *a, const void *b) {
    return strcmp(((const Option *)a)->name, ((const Option *)b)->name);
}

Option *command_options(const Command *command) {
    size_t n = 0;
    bool letter_taken = false;
    for (; command->options && command->options[n].name; n++)
        letter_taken |= command->options[n].letter == 'h';
    Option *options = new_array(Option, n + 2);
    if (n)
        memcpy(options, command->options, n * sizeof *options);
    options[n] = (Option){
        letter_taken ? 0 : 'h', "help", OPTION_FLAG, command->options_size, NULL, "Print usage"};
    qsort(options, n + 1, sizeof *options, compare_names);
    return options;
}

char *command_row_name(const CommandRow *row) {
    return row->group ? text_format("%s %s", row->group, row->name) : text_copy(row->name);
}

/* Other words for the command, as docker orders them: those of its group before the short one. */
static size_t print_names(const Command *command, bool grouped, size_t before, FILE *out) {
    size_t n = before;
    for (const CommandRow *row = command_rows; row->name; row++) {
        if (row->command != command || !!row->group != grouped)
            continue;
        autotexts char **more = texts_split(row->aliases ? row->aliases : "", ' ');
        autofree char *name = command_row_name(row);
        fprintf(out, "%stare %s", n++ ? ", " : "\nAliases:\n  ", name);
        for (size_t i = 0; more[i]; i++)
            if (*more[i])
                fprintf(out, ", tare %s%s%s", row->group ? row->group : "", row->group ? " " : "",
                    more[i]);
    }
    return n;
}

static void print_aliases(const Command *command, FILE *out) {
    size_t names = 0;
    for (const CommandRow *row = command_rows; row->name; row++)
        names += row->command == command ? 1 + !!row->aliases : 0;
    if (names < 2)
        return;
    print_names(command, false, print_names(command, true, 0, out), out);
    fputc('\n', out);
}

void command_print_help(const Command *command, const char *name, FILE *out) {
    fprintf(out, "Usage:  tare %s%s%s\n\n%s\n", name, *command->arguments ? " " : "",
        command->arguments, command->summary);
    print_aliases(command, out);
    autofree Option *options = command_options(command);
    fprintf(out, "\nOptions:\n");
    option_print_help(options, out);
}

static void print_rows(const char *group, FILE *out) {
    for (const CommandRow *row = command_rows; row->name; row++)
        if (text_equal(row->group, group))
            fprintf(out, "  %-11s %s\n", row->name, row->command->summary);
}

void group_print_help(const CommandGroup *group, FILE *out) {
    fprintf(out, "Usage:  tare %s COMMAND\n\n%s\n\nCommands:\n", group->name, group->summary);
    print_rows(group->name, out);
    fprintf(
        out, "\nRun 'tare %s COMMAND --help' for more information on a command.\n", group->name);
}

void program_print_help(FILE *out) {
    fprintf(out, "Usage:  tare [OPTIONS] COMMAND\n\n"
                 "A self-sufficient runtime for containers\n\nOptions:\n");
    option_print_help(global_options, out);
    fprintf(out, "\nManagement Commands:\n");
    for (const CommandGroup *group = command_groups; group->name; group++)
        fprintf(out, "  %-11s %s\n", group->name, group->summary);
    fprintf(out, "\nCommands:\n");
    print_rows(NULL, out);
    fprintf(out, "\nRun 'tare COMMAND --help' for more information on a command.\n");
}

static void print_options(const Option *options, FILE *out) {
    for (const Option *option = options; option->name; option++)
        if (option->help)
            fprintf(out, "--%s\n", option->name);
}

void command_print_words(int argc, char **argv, FILE *out) {
    const CommandGroup *group = argc ? command_group_find(argv[0]) : NULL;
    const char *name = group ? (argc > 1 ? argv[1] : NULL) : (argc ? argv[0] : NULL);
    const CommandRow *row = name ? command_find(group ? group->name : NULL, name) : NULL;
    if (row) {
        autofree Option *options = command_options(row->command);
        print_options(options, out);
        return;
    }
    for (row = command_rows; row->name; row++)
        if (text_equal(row->group, group ? group->name : NULL))
            fprintf(out, "%s\n", row->name);
    if (group)
        return;
    for (group = command_groups; group->name; group++)
        fprintf(out, "%s\n", group->name);
    print_options(global_options, out);
}
