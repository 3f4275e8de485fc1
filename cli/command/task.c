// SPDX-License-Identifier: Apache-2.0
#include "cli/task.h"

#include <signal.h>
#include <stdio.h>

#include "base/memory.h"
#include "base/process.h"
#include "base/text.h"
#include "cli/noun.h"
#include "cli/table.h"

/* tare task: what runs for containerd's clients. */
static const char *const states[] = {
    "UNKNOWN", "CREATED", "RUNNING", "STOPPED", "PAUSED", "PAUSING"};

static int run_ls(Cli *cli, const void *values, int argc, char **argv) {
    const NounOptions *options = values;
    Error err = {};
    Client *client = NULL;
    Containerd__Tasks__ListTasksRequest request;
    containerd__tasks__list_tasks_request__init(&request);
    autoreply Containerd__Tasks__ListTasksResponse *reply = NULL;
    if (noun_client(cli, values, &client, &err) < 0 ||
        client_call(client, TASKS, "List", &request, &reply, &err) < 0)
        return cli_report(cli, &err);
    autodone(Table) table = {.columns = 3};
    table_add(&table, "TASK");
    table_add(&table, "PID");
    table_add(&table, "STATUS");
    for (size_t i = 0; i < reply->n_tasks; i++) {
        unsigned status = (unsigned)reply->tasks[i]->status;
        table_add(&table, reply->tasks[i]->id);
        table_add_format(&table, "%u", reply->tasks[i]->pid);
        table_add(&table, states[status < array_size(states) ? status : 0]);
        if (options->quiet)
            puts(reply->tasks[i]->id);
    }
    if (!options->quiet)
        table_print(&table, stdout);
    return 0;
}

static int wait_one(Client *client, const char *id, void *data, Error *err) {
    const NounOptions *options = data;
    uint32_t status = 0;
    TRY(task_wait(client, (TaskProcess){id, options->exec_id}, &status, err));
    printf("%u\n", status);
    return 0;
}

static int list_processes(Client *client, const char *id, void *data, Error *err) {
    (void)data;
    autoreply Containerd__Tasks__ListPidsResponse *reply = NULL;
    Containerd__Tasks__ListPidsRequest request;
    containerd__tasks__list_pids_request__init(&request);
    request.container_id = (char *)id;
    TRY(client_call(client, TASKS, "ListPids", &request, &reply, err));
    for (size_t i = 0; i < reply->n_processes; i++)
        printf("%u\n", reply->processes[i]->pid);
    return 0;
}

static int kill_one(Client *client, const char *id, void *data, Error *err) {
    const NounOptions *options = data;
    int number;
    TRY(signal_parse(options->text ? options->text : "TERM", &number, err));
    return task_kill(client, (TaskProcess){id, options->exec_id}, number, options->all, err);
}

static int pause_one(Client *client, const char *id, void *data, Error *err) {
    Containerd__Tasks__PauseTaskRequest request;
    containerd__tasks__pause_task_request__init(&request);
    request.container_id = (char *)id;
    return client_call(client, TASKS, "Pause", &request, NULL, err);
}

static int resume_one(Client *client, const char *id, void *data, Error *err) {
    Containerd__Tasks__ResumeTaskRequest request;
    containerd__tasks__resume_task_request__init(&request);
    request.container_id = (char *)id;
    return client_call(client, TASKS, "Resume", &request, NULL, err);
}

static int remove_one(Client *client, const char *id, void *data, Error *err) {
    const NounOptions *options = data;
    const TaskProcess process = {id, options->exec_id};
    Error gone; /* one that has ended meanwhile, or never was, is for the deletion to tell of */
    if (options->force && task_kill(client, process, SIGKILL, false, &gone) == 0)
        task_wait(client, process, NULL, &gone);
    return task_delete(client, process, err);
}

static int run_wait(Cli *cli, const void *values, int argc, char **argv) {
    return noun_each(cli, values, argc, argv, wait_one);
}

static int run_ps(Cli *cli, const void *values, int argc, char **argv) {
    return noun_each(cli, values, argc, argv, list_processes);
}

static int run_kill(Cli *cli, const void *values, int argc, char **argv) {
    return noun_each(cli, values, argc, argv, kill_one);
}

static int run_pause(Cli *cli, const void *values, int argc, char **argv) {
    return noun_each(cli, values, argc, argv, pause_one);
}

static int run_resume(Cli *cli, const void *values, int argc, char **argv) {
    return noun_each(cli, values, argc, argv, resume_one);
}

static int run_rm(Cli *cli, const void *values, int argc, char **argv) {
    return noun_each(cli, values, argc, argv, remove_one);
}

#define TASK_EXEC_ID                                                                               \
    {                                                                                              \
        0, "exec-id", OPTION_TEXT, offsetof(NounOptions, exec_id), "string",                       \
            "Process that was started by exec, instead of the container's own"                     \
    }
static const Option ls_options[] = {NOUN_SPACE, NOUN_QUIET, {}};
static const Option space_options[] = {NOUN_SPACE, {}};
static const Option kill_options[] = {NOUN_SPACE,
    {'s', "signal", OPTION_TEXT, offsetof(NounOptions, text), "string",
        "Signal to send (default TERM)"},
    {'a', "all", OPTION_FLAG, offsetof(NounOptions, all), NULL,
        "To all processes of the container"},
    TASK_EXEC_ID, {}};
static const Option wait_options[] = {TASK_EXEC_ID, NOUN_SPACE, {}};
static const Option rm_options[] = {TASK_EXEC_ID,
    {'f', "force", OPTION_FLAG, offsetof(NounOptions, force), NULL, "Kill what runs"}, NOUN_SPACE,
    {}};

const Command command_task_ls = {
    .arguments = "[OPTIONS]",
    .summary = "List tasks",
    .options = ls_options,
    .options_size = sizeof(NounOptions),
    .run = run_ls,
};
const Command command_task_kill = {
    .arguments = "[OPTIONS] TASK [TASK...]",
    .summary = "Send a signal to tasks",
    .options = kill_options,
    .options_size = sizeof(NounOptions),
    .min = 1,
    .max = -1,
    .run = run_kill,
};
const Command command_task_pause = {
    .arguments = "[OPTIONS] TASK [TASK...]",
    .summary = "Freeze tasks",
    .options = space_options,
    .options_size = sizeof(NounOptions),
    .min = 1,
    .max = -1,
    .run = run_pause,
};
const Command command_task_resume = {
    .arguments = "[OPTIONS] TASK [TASK...]",
    .summary = "Thaw tasks",
    .options = space_options,
    .options_size = sizeof(NounOptions),
    .min = 1,
    .max = -1,
    .run = run_resume,
};
const Command command_task_rm = {
    .arguments = "[OPTIONS] TASK [TASK...]",
    .summary = "Remove tasks that have ended",
    .options = rm_options,
    .options_size = sizeof(NounOptions),
    .min = 1,
    .max = -1,
    .run = run_rm,
};
const Command command_task_wait = {
    .arguments = "[OPTIONS] TASK [TASK...]",
    .summary = "Wait for the end of tasks, and print their exit codes",
    .options = wait_options,
    .options_size = sizeof(NounOptions),
    .min = 1,
    .max = -1,
    .run = run_wait,
};
const Command command_task_ps = {
    .arguments = "[OPTIONS] TASK",
    .summary = "List the processes of a task",
    .options = space_options,
    .options_size = sizeof(NounOptions),
    .min = 1,
    .max = 1,
    .run = run_ps,
};
