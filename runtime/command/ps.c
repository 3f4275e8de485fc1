// SPDX-License-Identifier: Apache-2.0
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/process.h"
#include "base/time.h"
#include "runtime/command/command.h"

typedef struct PsOptions {
    const char *format;
} PsOptions;

#define T PsOptions
static const Option options[] = {
    {'f', "format", OPTION_TEXT, offsetof(T, format), "format", "table (the default) or json"},
    {},
};
#undef T

enum {
    OUTPUT_MAX = 64 << 20
};
#define PS_TIMEOUT (30 * TIME_SECOND)

static int print_json(const JsonUints *pids) {
    if (!pids->n) {
        puts("null"); /* as the reference runtime: an absent list */
        return 0;
    }
    for (size_t i = 0; i < pids->n; i++)
        printf("%c%llu", i ? ',' : '[', (unsigned long long)pids->item[i]);
    puts("]");
    return 0;
}

/* Which word of ps's title is PID: users choose the columns. */
static int find_column(const char *title, int *ret, Error *err) {
    int column = 0;
    for (const char *at = title; *(at += strspn(at, " ")); column++) {
        size_t n = strcspn(at, " ");
        if (n == 3 && strncmp(at, "PID", 3) == 0)
            return *ret = column, 0;
        at += n;
    }
    return error_set(err, ERROR_INVALID, "couldn't find PID field in ps output");
}

static bool line_is_about(const char *line, int column, const JsonUints *pids) {
    const char *at = line + strspn(line, " ");
    for (; column && *at; column--) {
        at += strcspn(at, " ");
        at += strspn(at, " ");
    }
    unsigned long long pid = isdigit((unsigned char)*at) ? strtoull(at, NULL, 10) : 0;
    for (size_t i = 0; pid && i < pids->n; i++)
        if (pids->item[i] == pid)
            return true;
    return false;
}

static int print_lines(char *output, const JsonUints *pids, Error *err) {
    int column;
    char *line = strsep(&output, "\n");
    TRY(find_column(line, &column, err));
    puts(line);
    while ((line = strsep(&output, "\n")))
        if (line_is_about(line, column, pids))
            puts(line);
    return 0;
}

/* ps itself is the host's; its lines about others are left out. */
static int print_table(char **words, const JsonUints *pids, Error *err) {
    autofree char *program = NULL;
    autofree const char **argv = new_array(const char *, texts_count(words) + 3);
    size_t n = 0;
    TRY(process_find_program("ps", &program, err));
    argv[n++] = program;
    if (!*words)
        argv[n++] = "-ef";
    for (; *words; words++)
        argv[n++] = *words;
    ProcessSpawn spawn = PROCESS_SPAWN_INIT;
    spawn.argv = argv;
    spawn.fds[2] = 2;
    autodone(Text) output = {};
    int status;
    TRY(process_run(&spawn, OUTPUT_MAX, PS_TIMEOUT, &output, &status, err));
    if (status)
        return error_set(err, ERROR_INVALID, "ps: exit status %d", process_exit_code(status));
    return print_lines(output.data, pids, err);
}

static int print(const PsOptions *parsed, char **words, const JsonUints *pids, Error *err) {
    if (!parsed->format || strcmp(parsed->format, "table") == 0)
        return print_table(words, pids, err);
    if (strcmp(parsed->format, "json") == 0)
        return print_json(pids);
    return error_set(err, ERROR_INVALID, "invalid format option: \"%s\"", parsed->format);
}

static int list_processes(const Subject *subject, Error *err) {
    JsonUints pids = {};
    autodone(Cgroup) cgroup = {};
    container_load_cgroup(subject->container, &cgroup);
    int r = cgroup_members(&cgroup, &pids, err);
    r = r < 0 ? r : print(subject->options, subject->words, &pids, err);
    free(pids.item);
    return r;
}

const Command command_ps = {"ps", "ID [PS-OPTION…]",
    "list the processes of a container with the host's ps", NULL, options, list_processes,
    sizeof(PsOptions), -1};
