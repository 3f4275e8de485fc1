// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "cli/document.h"
#include "cli/noun.h"
#include "cli/task.h"

/* tare task exec: a further program in a task, with the settings of the container's own. */
#define PROCESS_TYPE "types.containerd.io/opencontainers/runtime-spec/1/Process"

static void append_json(Text *out, const char *text) {
    json_append_string(out, text, strlen(text));
}

/* The container's process document with another program in it. */
static int make_process(
    Client *client, const NounOptions *options, char **argv, Text *ret, Error *err) {
    static const char *const replaced[] = {"\"args\"", "\"terminal\"", "\"consoleSize\""};
    autoreply Containerd__Containers__GetContainerResponse *reply = NULL;
    TRY(task_container(client, argv[0], &reply, err));
    const Google__Protobuf__Any *spec = reply->container->spec;
    autofree char *text =
        text_copy_n(spec ? (char *)spec->value.data : "", spec ? spec->value.len : 0);
    const Document process = document_member(document_of(text), "process");
    Document name, value;
    text_append(ret, "{\"terminal\":false,\"args\":[");
    for (size_t i = 1; argv[i]; i++) {
        text_append(ret, i > 1 ? "," : "");
        append_json(ret, argv[i]);
    }
    text_append(ret, "]");
    for (size_t at = 0; document_next(process, &at, &name, &value);) {
        bool ours = options->text && name.n == 5 && !memcmp(name.text, "\"cwd\"", 5);
        for (size_t i = 0; i < sizeof(replaced) / sizeof(*replaced); i++)
            ours |= name.n == strlen(replaced[i]) && !memcmp(name.text, replaced[i], name.n);
        if (!ours)
            text_append_format(ret, ",%.*s:%.*s", (int)name.n, name.text, (int)value.n, value.text);
    }
    if (options->text) {
        text_append(ret, ",\"cwd\":");
        append_json(ret, options->text);
    }
    text_append(ret, "}");
    return 0;
}

static int create(
    Client *client, const NounOptions *options, char **argv, const char *exec_id, Error *err) {
    autodone(Text) process = {};
    TRY(make_process(client, options, argv, &process, err));
    Google__Protobuf__Any spec = GOOGLE__PROTOBUF__ANY__INIT;
    Containerd__Tasks__ExecProcessRequest request;
    containerd__tasks__exec_process_request__init(&request);
    spec.type_url = (char *)PROCESS_TYPE;
    spec.value = (ProtobufCBinaryData){process.length, (uint8_t *)process.data};
    request.container_id = argv[0];
    request.exec_id = (char *)exec_id;
    request.spec = &spec;
    if (options->log_uri) {
        request.stdout = (char *)options->log_uri;
        request.stderr = (char *)options->log_uri;
    }
    return client_call(client, TASKS, "Exec", &request, NULL, err);
}

static int exec(
    Client *client, const NounOptions *options, char **argv, uint32_t *ret, Error *err) {
    char random[17];
    text_random_hex(random, 8);
    const TaskProcess process = {argv[0], options->exec_id ? options->exec_id : random};
    TRY(create(client, options, argv, process.exec_id, err));
    int code = task_start(client, process, err);
    if (code == 0 && options->detach) {
        puts(process.exec_id);
        return 0;
    }
    if (code == 0)
        code = task_wait(client, process, ret, err);
    Error ignored;
    task_delete(client, process, &ignored);
    return code;
}

static int run(Cli *cli, const void *values, int argc, char **argv) {
    Error err = {};
    Client *client = NULL;
    uint32_t status = 0;
    (void)argc;
    if (noun_client(cli, values, &client, &err) < 0 ||
        exec(client, values, argv, &status, &err) < 0)
        return cli_report(cli, &err);
    return (int)status;
}

#define T NounOptions
static const Option options[] = {
    {0, "cwd", OPTION_TEXT, offsetof(T, text), "directory", "Working directory of the program"},
    {'d', "detach", OPTION_FLAG, offsetof(T, detach), NULL,
        "Print the process's id and do not wait for its end"},
    {0, "exec-id", OPTION_TEXT, offsetof(T, exec_id), "string",
        "Name of the process (default: made up)"},
    TASK_LOG_URI(T, log_uri),
    NOUN_SPACE,
    {},
};
#undef T

const Command command_task_exec = {
    .arguments = "[OPTIONS] TASK COMMAND [ARG...]",
    .summary = "Run a program in a task, and return its exit code",
    .more =
        "User, environment and capabilities are those of the container's own program. There is "
        "no terminal and nothing to read, and output goes to --log-uri: streams of "
        "containerd's tasks are FIFOs, which this command does not make. With --detach, "
        "\"tare task wait\", \"kill\" and \"rm\" take the process by its --exec-id; without, it "
        "is removed when it ends.",
    .options = options,
    .options_size = sizeof(NounOptions),
    .mode = OPTION_UNTIL_COMMAND,
    .min = 2,
    .max = -1,
    .run = run,
};
