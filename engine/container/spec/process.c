// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/path.h"
#include "base/text.h"
#include "engine/container/spec/capability.h"
#include "engine/container/spec/spec.h"

#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static void append_all(JsonTexts *ret, const JsonTexts *texts) {
    for (size_t i = 0; i < texts->n; i++)
        json_texts_add(ret, texts->item[i]);
}

/* An entry point of the user's hides the image's command, too; [""] clears the image's. */
int spec_command(const ContainerRecord *record, JsonTexts *ret, Error *err) {
    const ContainerSettings *user = record->settings;
    const OciImageConfig *image = record->image->config;
    const JsonTexts *entrypoint =
        user->has_entrypoint.value ? &user->entrypoint : &image->entrypoint;
    bool cleared = entrypoint->n == 1 && !*entrypoint->item[0];
    if (!cleared)
        append_all(ret, entrypoint);
    if (user->command.n)
        append_all(ret, &user->command);
    else if (!user->has_entrypoint.value)
        append_all(ret, &image->cmd);
    if (!ret->n)
        return error_set(err, ERROR_INVALID, "no command specified");
    return 0;
}

static size_t name_length(const char *variable) {
    return strcspn(variable, "=");
}

static bool same_name(const char *a, const char *b) {
    size_t n = name_length(a);
    return n == name_length(b) && strncmp(a, b, n) == 0;
}

/* A variable without "=" removes. */
static void environment_set(JsonTexts *ret, const char *variable) {
    bool removes = !strchr(variable, '=');
    for (size_t i = 0; i < ret->n; i++) {
        if (!same_name(ret->item[i], variable))
            continue;
        free(ret->item[i]);
        if (!removes) {
            ret->item[i] = text_copy(variable);
            return;
        }
        memmove(&ret->item[i], &ret->item[i + 1], (ret->n - i) * sizeof(char *));
        ret->n--;
        return;
    }
    if (!removes)
        json_texts_add(ret, variable);
}

static bool environment_has(const JsonTexts *texts, const char *variable) {
    for (size_t i = 0; i < texts->n; i++) {
        if (same_name(texts->item[i], variable))
            return true;
    }
    return false;
}

void spec_environment(const ContainerRecord *record, JsonTexts *ret) {
    const JsonTexts *user = &record->settings->environment, *image = &record->image->config->env;
    append_all(ret, user);
    for (size_t i = 0; i < image->n; i++) {
        if (!environment_has(user, image->item[i]))
            json_texts_add(ret, image->item[i]);
    }
}

static void environment_build(const SpecInput *input, bool terminal, JsonTexts *ret) {
    autofree char *name = spec_hostname(input->record);
    autofree char *hostname = text_format("HOSTNAME=%s", name);
    autofree char *home = text_format("HOME=%s", input->identity->home);
    const JsonTexts *image = &input->record->image->config->env;
    const JsonTexts *user = &input->record->settings->environment;
    json_texts_add(ret, DEFAULT_PATH);
    json_texts_add(ret, hostname);
    if (terminal)
        json_texts_add(ret, "TERM=xterm");
    for (size_t i = 0; i < image->n; i++)
        environment_set(ret, image->item[i]);
    for (size_t i = 0; i < user->n; i++)
        environment_set(ret, user->item[i]);
    if (!environment_has(ret, home))
        json_texts_add(ret, home);
}

const char *spec_user(const ContainerRecord *record) {
    const char *image = record->image->config->user;
    if (!text_is_empty(record->settings->user))
        return record->settings->user;
    return image ? image : "";
}

char *spec_directory(const ContainerRecord *record) {
    const char *user = record->settings->working_directory;
    const char *image = record->image->config->working_dir;
    autofree char *joined = path_join("/", text_is_empty(user) ? (image ? image : "") : user);
    return path_clean(joined);
}

char *spec_hostname(const ContainerRecord *record) {
    const char *user = record->settings->hostname;
    if (!text_is_empty(user))
        return text_copy(user);
    return text_copy_n(record->id, 12);
}

const char *spec_stop_signal(const ContainerRecord *record) {
    const char *user = record->settings->stop_signal, *image = record->image->config->stop_signal;
    if (!text_is_empty(user))
        return user;
    return text_is_empty(image) ? "SIGTERM" : image;
}

static OciUser *user_build(const Identity *identity) {
    OciUser *user = new (OciUser);
    user->uid = (JsonUint){true, identity->uid};
    user->gid = (JsonUint){true, identity->gid};
    for (size_t i = 0; i < identity->additional_gids.n; i++)
        array_append(
            user->additional_gids.item, user->additional_gids.n, identity->additional_gids.item[i]);
    return user;
}

/* Inheritable and ambient stay empty (rule F). */
static int capabilities_build(
    const SpecInput *input, bool privileged, OciProcess *ret, Error *err) {
    const ContainerSettings *settings = input->record->settings;
    const CapabilityChoice choice = {
        &settings->capabilities_add, &settings->capabilities_drop, privileged};
    ret->capabilities = new (OciCapabilities);
    TRY(capability_choose(&choice, &ret->capabilities->bounding, err));
    append_all(&ret->capabilities->effective, &ret->capabilities->bounding);
    append_all(&ret->capabilities->permitted, &ret->capabilities->bounding);
    return 0;
}

static void console_size(OciProcess *process, uint64_t rows, uint64_t columns) {
    if (!rows || !columns)
        return;
    process->console_size = new (OciBox);
    process->console_size->height = (JsonUint){true, rows};
    process->console_size->width = (JsonUint){true, columns};
}

int spec_build_process(const SpecInput *input, OciProcess *ret, Error *err) {
    const ContainerSettings *settings = input->record->settings;
    TRY(spec_command(input->record, &ret->args, err));
    environment_build(input, settings->terminal.value, &ret->env);
    ret->terminal = (JsonBool){true, settings->terminal.value};
    if (settings->terminal.value)
        console_size(ret, settings->terminal_rows.value, settings->terminal_columns.value);
    ret->cwd = spec_directory(input->record);
    ret->user = user_build(input->identity);
    ret->no_new_privileges = (JsonBool){input->no_new_privileges, input->no_new_privileges};
    ret->oom_score_adj = (JsonInt){true, 0};
    return capabilities_build(input, settings->privileged.value, ret, err);
}

/* The container's own environment and capabilities, with the exec's words over them. */
int spec_build_exec(const SpecInput *input, const ExecSettings *exec, OciProcess *ret, Error *err) {
    const ContainerSettings *settings = input->record->settings;
    append_all(&ret->args, &exec->command);
    environment_build(input, exec->terminal, &ret->env);
    for (size_t i = 0; i < exec->environment.n; i++)
        environment_set(&ret->env, exec->environment.item[i]);
    ret->terminal = (JsonBool){true, exec->terminal};
    if (exec->terminal)
        console_size(ret, exec->terminal_rows, exec->terminal_columns);
    ret->cwd = text_is_empty(exec->working_directory) ? spec_directory(input->record)
                                                      : path_clean(exec->working_directory);
    ret->user = user_build(input->identity);
    ret->no_new_privileges = (JsonBool){input->no_new_privileges, input->no_new_privileges};
    return capabilities_build(input, settings->privileged.value || exec->privileged, ret, err);
}
