// SPDX-License-Identifier: Apache-2.0
#include "cli/create.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "base/process.h"
#include "base/text.h"
#include "cli/client.h"
#include "cli/environment.h"
#include "cli/mount.h"
#include "cli/port.h"
#include "cli/pull.h"
#include "cli/reference.h"
#include "cli/terminal.h"

static char *copy(const char *text) {
    return text_copy(text ? text : "");
}

static void copy_list(const OptionTexts *texts, char ***ret, size_t *ret_n) {
    *ret = new_array(char *, texts->n + 1);
    *ret_n = texts->n;
    for (size_t i = 0; i < texts->n; i++)
        (*ret)[i] = text_copy(texts->item[i]);
}

/* "1.5" → 1500000000; at most nine digits after the point, as the kernel's period could not show
 * more anyway. */
int cpus_parse(const char *text, int64_t *ret, Error *err) {
    size_t whole = strspn(text, "0123456789");
    const char *fraction = text[whole] == '.' ? text + whole + 1 : "";
    size_t digits = strspn(fraction, "0123456789");
    bool ends = text[whole] ? text[whole] == '.' && !fraction[digits] : true;
    if (!ends || whole + digits == 0 || whole > 6 || digits > 9)
        return error_set(err, ERROR_INVALID,
            "invalid argument \"%s\" for \"--cpus\" flag: expected a decimal number", text);
    int64_t value = strtoll(text, NULL, 10) * 1000000000, unit = 100000000;
    for (size_t i = 0; i < digits; i++, unit /= 10)
        value += (fraction[i] - '0') * unit;
    *ret = value;
    return 0;
}

int restart_policy_parse(const char *text, Tare__V1__RestartPolicy **ret, Error *err) {
    const char *colon = strchr(text, ':');
    uint64_t retries = 0;
    Error ignored;
    if (colon && (!colon[1] || text_parse_uint(colon + 1, "", &retries, &ignored) < 0 ||
                     retries > INT32_MAX))
        return error_set(err, ERROR_INVALID,
            "invalid restart policy format: maximum retry count must be an integer");
    *ret = new (Tare__V1__RestartPolicy);
    tare__v1__restart_policy__init(*ret);
    (*ret)->name = colon ? text_copy_n(text, (size_t)(colon - text)) : text_copy(text);
    (*ret)->maximum_retries = (uint32_t)retries;
    return 0;
}

static int add_ports(const OptionTexts *texts, CreateRequest *request, Error *err) {
    request->ports = new_array(Tare__V1__PortMapping *, texts->n + 1);
    for (size_t i = 0; i < texts->n; i++) {
        Port port = {};
        TRY(port_parse(texts->item[i], &port, err));
        Tare__V1__PortMapping *mapping = new (Tare__V1__PortMapping);
        tare__v1__port_mapping__init(mapping);
        mapping->host_ip = text_copy(port.host_ip);
        mapping->host_port = port.host;
        mapping->container_port = port.container;
        mapping->protocol = text_copy(port.protocol);
        request->ports[request->n_ports++] = mapping;
    }
    return 0;
}

/* Takes what the mount owns. */
static int add_mount(Mount *from, CreateRequest *request, Error *err) {
    Tare__V1__Mount *mount = new (Tare__V1__Mount);
    tare__v1__mount__init(mount);
    mount->type = text_copy(from->type);
    mount->origin = text_copy(from->origin);
    mount->propagation = text_copy(from->propagation);
    mount->source = copy(from->source);
    mount->volume = copy(from->volume);
    mount->target = take_ptr(&from->target);
    mount->mode = copy(from->mode);
    mount->options = copy(from->options);
    mount->driver = copy(from->driver);
    mount->subpath = copy(from->subpath);
    mount->read_only = from->read_only;
    mount->no_copy = from->no_copy;
    mount->strict = from->strict;
    copy_list(&(OptionTexts){from->volume_labels.n, (const char **)from->volume_labels.item},
        &mount->volume_labels, &mount->n_volume_labels);
    copy_list(&(OptionTexts){from->volume_options.n, (const char **)from->volume_options.item},
        &mount->volume_options, &mount->n_volume_options);
    request->mounts[request->n_mounts++] = mount;
    for (size_t k = 0; k + 1 < request->n_mounts; k++)
        if (text_equal(request->mounts[k]->target, mount->target))
            return error_set(err, ERROR_INVALID, "duplicate mount point: %s", mount->target);
    return 0;
}

static int add_mounts(const CreateOptions *options, CreateRequest *request, Error *err) {
    const struct {
        const OptionTexts *texts;
        int (*parse)(const char *text, Mount *ret, Error *err);
    } kinds[] = {{&options->volumes, mount_parse_volume}, {&options->mounts, mount_parse_option},
        {&options->tmpfs, mount_parse_tmpfs}};
    request->mounts =
        new_array(Tare__V1__Mount *, options->volumes.n + options->mounts.n + options->tmpfs.n + 1);
    for (size_t i = 0; i < array_size(kinds); i++)
        for (size_t k = 0; k < kinds[i].texts->n; k++) {
            autodone(Mount) mount = {};
            TRY(kinds[i].parse(kinds[i].texts->item[k], &mount, err));
            if (options->volume_driver && text_equal(mount.type, "volume") && !mount.driver)
                mount.driver = text_copy(options->volume_driver);
            TRY(add_mount(&mount, request, err));
        }
    copy_list(&options->volumes_from, &request->volumes_from, &request->n_volumes_from);
    return 0;
}

static int check(const CreateOptions *options, Error *err) {
    static const char *const policies[] = {"always", "missing", "never", ""};
    bool known = !options->pull;
    TRY(trust_check(options->untrusted, err));
    for (size_t i = 0; !known && i < array_size(policies); i++)
        known = text_equal(options->pull, policies[i]);
    if (!known)
        return error_set(err, ERROR_INVALID,
            "invalid pull option: '%s': must be one of \"always\", \"missing\" or \"never\"",
            options->pull);
    int number = 0;
    if (options->stop_signal)
        TRY(signal_parse(options->stop_signal, &number, err));
    if (text_equal(options->log_driver, "none") && options->log_options.n > 0)
        return error_set(err, ERROR_INVALID, "invalid logging opts for driver none");
    for (size_t i = 0; i < options->labels.n; i++)
        if (!*options->labels.item[i] || *options->labels.item[i] == '=')
            return error_set(
                err, ERROR_INVALID, "invalid label '%s': empty name", options->labels.item[i]);
    return 0;
}

static void fill_texts(const CreateOptions *options, CreateRequest *request) {
    request->name = copy(options->name);
    request->user = copy(options->user);
    request->working_directory = copy(options->directory);
    request->hostname = copy(options->hostname);
    request->network = copy(options->network);
    request->stop_signal = copy(options->stop_signal);
    request->platform = copy(options->platform);
    request->log_driver = copy(options->log_driver);
    copy_list(&options->log_options, &request->log_options, &request->n_log_options);
    copy_list(&options->storage_options, &request->storage_options, &request->n_storage_options);
    request->runtime = copy(options->runtime);
    copy_list(&options->labels, &request->labels, &request->n_labels);
    copy_list(&options->capabilities_add, &request->capabilities_add, &request->n_capabilities_add);
    copy_list(
        &options->capabilities_drop, &request->capabilities_drop, &request->n_capabilities_drop);
    if (options->entrypoint) { // "" clears the image's
        OptionTexts entrypoint = {.n = 1, .item = (const char **)&options->entrypoint};
        copy_list(&entrypoint, &request->entrypoint, &request->n_entrypoint);
        request->has_entrypoint = true;
    }
}

static int fill(const CreateOptions *options, CreateRequest *request, Error *err) {
    TRY(check(options, err));
    request->terminal = options->terminal;
    request->open_stdin = options->interactive;
    request->auto_remove = options->remove;
    request->read_only = options->read_only;
    request->privileged = options->privileged;
    if (options->memory.value > INT64_MAX)
        return error_set(err, ERROR_RANGE, "memory limit is too large");
    request->memory = (int64_t)options->memory.value;
    request->pids_limit = options->pids_limit.value;
    request->has_stop_timeout = options->stop_timeout.set;
    request->stop_timeout = options->stop_timeout.value;
    TRY(health_request(&options->health, &request->health, err));
    if (options->restart)
        TRY(restart_policy_parse(options->restart, &request->restart, err));
    if (options->remove && options->restart && !text_equal(options->restart, "no"))
        return error_set(
            err, ERROR_INVALID, "conflicting options: cannot specify both --restart and --rm");
    if (options->cpus)
        TRY(cpus_parse(options->cpus, &request->nano_cpus, err));
    if (options->terminal) {
        TerminalSize size = terminal_size(STDIN_FILENO);
        request->terminal_rows = size.rows;
        request->terminal_columns = size.columns;
    }
    TRY(environment_collect(
        &options->environment_files, &options->environment, &request->environment, err));
    request->n_environment = texts_count(request->environment);
    TRY(add_ports(&options->ports, request, err));
    return add_mounts(options, request, err);
}

int create_request_new(
    const CreateOptions *options, int argc, char **argv, CreateRequest **ret, Error *err) {
    autoptr(CreateRequest) request = new (CreateRequest);
    tare__v1__create_container_request__init(request);
    request->image = text_copy(argv[0]);
    OptionTexts command = {.n = (size_t)argc - 1, .item = (const char **)argv + 1};
    copy_list(&command, &request->command, &request->n_command);
    fill_texts(options, request);
    TRY(fill(options, request, err));
    *ret = take_ptr(&request);
    return 0;
}

/* Everything in it was allocated as protobuf-c itself would have. */
void create_request_free(CreateRequest *request) {
    if (request)
        tare__v1__create_container_request__free_unpacked(request, NULL);
}

static int pull(Cli *cli, const CreateOptions *options, const char *image, Error *err) {
    PullOptions pull_options = {.reference = image,
        .platform = options->platform,
        .quiet = options->quiet,
        .silent_name = true,
        .out = stderr};
    return pull_image(cli, &pull_options, err);
}

static int create(
    Cli *cli, const CreateRequest *request, Tare__V1__CreateContainerResponse **ret, Error *err) {
    Client *client = NULL;
    TRY(cli_client(cli, &client, err));
    return client_call(client, &tare__v1__containers__descriptor, "Create", request, ret, err);
}

int create_container(Cli *cli, const CreateOptions *options, const CreateRequest *request,
    char **ret_id, Error *err) {
    autoreply Tare__V1__CreateContainerResponse *reply = NULL;
    if (text_equal(options->pull, "always"))
        TRY(pull(cli, options, request->image, err));
    int result = create(cli, request, &reply, err);
    if (result == ERROR_NOT_FOUND && text_equal(err->reason, "IMAGE_NOT_FOUND") &&
        !text_equal(options->pull, "never")) {
        if (!options->quiet) {
            autofree char *name = reference_familiar(request->image);
            fprintf(stderr, "Unable to find image '%s' locally\n", name);
        }
        TRY(pull(cli, options, request->image, err));
        result = create(cli, request, &reply, err);
    }
    TRY(result);
    for (size_t i = 0; i < reply->n_warnings; i++)
        fprintf(stderr, "WARNING: %s\n", reply->warnings[i]);
    *ret_id = text_copy(reply->id);
    return 0;
}
